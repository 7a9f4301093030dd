//! `call` and `answer`: an endpoint, its events on the screen, and the user's wishes.

use std::time::Duration;

use ichat_endpoint::{
    AnswerMode, CallNumber, Command, Event, Outcome, RunError, Signalling, Task, run,
};
use tokio::sync::mpsc;

use crate::cli::{AnswerArgs, CallArgs};
use crate::failure::Failure;
use crate::keys::{Key, Keys};
use crate::output::safe;
use crate::output::{Form, Printer};
use crate::settings::{Account, can_ask, endpoint_config, signalling, target};
use ichat_endpoint::Target;

/// `ichat-call call PEER`.
pub(crate) async fn call(args: CallArgs, printer: &mut Printer) -> Result<u8, Failure> {
    let target = target(&args.peer, args.account.lan)?;
    let config = endpoint_config(&args.talk, args.account.trace.as_deref())?;
    let signalling = match &target {
        Target::Jid(_) => signalling(
            &args.account,
            &args.talk.bind,
            config.dialect,
            Account::Needed,
        )?,
        Target::Neighbour(_) => signalling(
            &args.account,
            &args.talk.bind,
            config.dialect,
            Account::Unused,
        )?,
        Target::Sip { .. } => Signalling::default(),
    };
    converse(config, signalling, Task::Call(target), printer).await
}

/// `ichat-call answer`.
pub(crate) async fn answer(args: AnswerArgs, printer: &mut Printer) -> Result<u8, Failure> {
    let config = endpoint_config(&args.talk, args.account.trace.as_deref())?;
    if config.answer == AnswerMode::Ask && !can_ask(args.talk.json) {
        return Err(Failure::usage(
            "nobody can be asked without a terminal: give --auto, --decline or --busy",
        ));
    }
    let has_xmpp = args.account.jid.is_some() || args.account.lan;
    let signalling = signalling(
        &args.account,
        &args.talk.bind,
        config.dialect,
        Account::IfGiven,
    )?;
    let sip = args.sip || !has_xmpp;
    let task = Task::Answer {
        once: args.once,
        sip,
    };
    converse(config, signalling, task, printer).await
}

/// Runs the endpoint, prints what happens, passes on what the user wants.
async fn converse(
    config: ichat_endpoint::EndpointConfig,
    signalling: Signalling,
    task: Task,
    printer: &mut Printer,
) -> Result<u8, Failure> {
    let (commands, wanted) = mpsc::unbounded_channel();
    let (happened, mut events) = mpsc::unbounded_channel();
    let mut user = User::new(commands, printer)?;
    let running = run(config, signalling, task, wanted, happened);
    tokio::pin!(running);
    let outcome: Result<Outcome, RunError> = loop {
        tokio::select! {
            biased;
            event = events.recv() => match event {
                Some(event) => {
                    printer.print(&event);
                    user.note(&event, printer);
                }
                // The endpoint has dropped its end: its result is next.
                None => break (&mut running).await,
            },
            outcome = &mut running => break outcome,
            wish = user.next() => match wish {
                Wish::Command(command) => {
                    if let Command::Mute(muted) = &command {
                        printer.line(if *muted { "Muted" } else { "No longer muted" });
                    }
                    user.send(command);
                }
                Wish::Quit => {
                    printer.raw = false;
                    drop(user);
                    return Ok(130);
                }
                Wish::Nothing => {}
            },
        }
    };
    while let Ok(event) = events.try_recv() {
        printer.print(&event);
    }
    printer.raw = false;
    drop(user);
    Ok(outcome?.exit_status())
}

/// What the user wants.
enum Wish {
    Command(Command),
    /// A second interrupt: at once.
    Quit,
    Nothing,
}

/// The user: keys and signals.
struct User {
    commands: mpsc::UnboundedSender<Command>,
    keys: Option<Keys>,
    signals: Signals,
    interrupts: u32,
    muted: bool,
    /// The call that rings and waits for a decision.
    asked: Option<CallNumber>,
    /// People who want to see our presence, first come first asked.
    subscribers: std::collections::VecDeque<String>,
}

impl User {
    fn new(
        commands: mpsc::UnboundedSender<Command>,
        printer: &mut Printer,
    ) -> Result<Self, Failure> {
        let keys = if printer.form() == Form::Human {
            Keys::open()
        } else {
            None
        };
        printer.raw = keys.is_some();
        printer.live = true;
        Ok(Self {
            commands,
            keys,
            signals: Signals::new()?,
            interrupts: 0,
            muted: false,
            asked: None,
            subscribers: std::collections::VecDeque::new(),
        })
    }

    fn send(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::debug!("the endpoint has ended already");
        }
    }

    /// Asks what must be asked.
    fn note(&mut self, event: &Event, printer: &mut Printer) {
        match event {
            Event::Incoming {
                call,
                from,
                ask: true,
                ..
            } => {
                self.asked = Some(*call);
                if self.keys.is_some() {
                    printer.line(&format!("{} calls. Answer? [y]es [n]o [b]usy", safe(from)));
                }
            }
            Event::SubscriptionRequest { from } => {
                self.subscribers.push_back(from.clone());
                if self.keys.is_some() {
                    printer.line(&format!(
                        "Let {} see when you are online? [y]es [n]o",
                        safe(from)
                    ));
                }
            }
            Event::Accepted { call, .. } | Event::Ended { call, .. } => {
                if self.asked == Some(*call) {
                    self.asked = None;
                }
            }
            Event::Online { .. }
            | Event::Listening { .. }
            | Event::Ringing { .. }
            | Event::Incoming { .. }
            | Event::Path { .. }
            | Event::Connected { .. }
            | Event::Media { .. }
            | Event::Stats { .. }
            | Event::Message { .. }
            | Event::Warning { .. }
            | Event::Error { .. } => {}
        }
    }

    /// Waits for the next wish. Cancel-safe.
    async fn next(&mut self) -> Wish {
        let key = async {
            match &mut self.keys {
                Some(keys) => keys.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.signals.next() => self.interrupt(),
            key = key => match key {
                Some(key) => self.press(key),
                None => {
                    self.keys = None;
                    Wish::Nothing
                }
            },
        }
    }

    fn interrupt(&mut self) -> Wish {
        self.interrupts += 1;
        if self.interrupts > 1 {
            Wish::Quit
        } else {
            Wish::Command(Command::Leave)
        }
    }

    fn press(&mut self, key: Key) -> Wish {
        let letter = match key {
            Key::Interrupt => return self.interrupt(),
            Key::Letter(letter) => letter,
        };
        match (letter, self.asked.is_some()) {
            ('y', true) => Wish::Command(Command::Answer),
            ('n', true) => Wish::Command(Command::Decline),
            ('b', true) => Wish::Command(Command::Busy),
            ('y' | 'n', false) => match self.subscribers.pop_front() {
                Some(from) => Wish::Command(Command::AllowSubscription {
                    from,
                    allow: letter == 'y',
                }),
                None => Wish::Nothing,
            },
            ('m', _) => {
                self.muted = !self.muted;
                Wish::Command(Command::Mute(self.muted))
            }
            ('q', _) => Wish::Command(Command::HangUp),
            _ => Wish::Nothing,
        }
    }
}

/// Interrupts from outside: Ctrl-C, and on Unix a request to terminate or a closed terminal.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error| Failure::new("signal", format!("cannot listen to signals: {error}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            hangup: signal(SignalKind::hangup()).map_err(failed)?,
        })
    }

    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// How long the program waits for stray tasks when it is done.
pub(crate) const SHUTDOWN_PATIENCE: Duration = Duration::from_millis(100);
