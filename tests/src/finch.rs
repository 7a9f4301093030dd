//! Finch, Pidgin's text client, with a Bonjour account: a neighbour that speaks XEP-0174 and that
//! no one here wrote. It runs in a terminal of tmux and is driven through its message bus.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::avahi::Avahi;
use crate::scratch::Scratch;
use crate::seconds;

const PURPLE: &str = "im.pidgin.purple.PurpleService";

/// A running Finch.
#[derive(Debug)]
pub struct Finch<'a> {
    avahi: &'a Avahi,
    scratch: Scratch,
    name: String,
    account: String,
}

impl<'a> Finch<'a> {
    /// Starts it, on the host where this Avahi is, and waits until it is announced as `name`.
    ///
    /// # Panics
    /// With its screen, if it does not sign in.
    pub fn start(avahi: &'a Avahi, name: &str) -> Self {
        let scratch = Scratch::new("finch");
        std::fs::create_dir_all(scratch.join(".purple")).expect("the scratch folder is ours");
        scratch.write(".purple/accounts.xml", accounts(name));
        let mut finch = Self {
            avahi,
            scratch,
            name: name.to_owned(),
            account: String::new(),
        };
        let output = finch
            .tmux()
            .args([
                "-f",
                "/dev/null",
                "new-session",
                "-d",
                "-x",
                "100",
                "-y",
                "30",
                "finch",
            ])
            .output()
            .expect("tmux runs");
        assert!(output.status.success(), "tmux: {output:?}");
        finch.account = finch.wait("account", seconds(20), |finch| {
            let accounts = finch.call("PurpleAccountsGetAllActive", &[])?;
            let account = number(&accounts)?;
            let connected = finch.call("PurpleAccountIsConnected", &[&account])?;
            (number(&connected)? == "int32:1").then_some(account)
        });
        finch
    }

    fn tmux(&self) -> Command {
        let mut command = self.avahi.command("tmux");
        command.arg("-S").arg(self.scratch.join("tmux"));
        command
            .env("HOME", self.scratch.path())
            .env("TERM", "xterm")
            .env_remove("TMUX");
        command
    }

    /// Calls one of its functions; what it returns, as `dbus-send` prints it.
    fn call(&self, function: &str, arguments: &[&str]) -> Option<String> {
        let output = self
            .avahi
            .command("dbus-send")
            .args(["--session", "--print-reply", &format!("--dest={PURPLE}")])
            .arg("/im/pidgin/purple/PurpleObject")
            .arg(format!("im.pidgin.purple.PurpleInterface.{function}"))
            .args(arguments)
            .output()
            .expect("dbus-send runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(said)
    }

    /// Waits until it shows this neighbour as online, and gives the name that it shows.
    ///
    /// # Panics
    /// With its screen, if it does not.
    pub fn wait_online(&self, neighbour: &str, limit: Duration) -> String {
        let who = format!("string:{neighbour}");
        self.wait(neighbour, limit, |finch| {
            let buddy = number(&finch.call("PurpleFindBuddy", &[&finch.account, &who])?)?;
            let online = finch.call("PurpleBuddyIsOnline", &[&buddy])?;
            let alias = finch.call("PurpleBuddyGetServerAlias", &[&buddy])?;
            let alias = alias.split('"').nth(1)?.to_owned();
            (number(&online)? == "int32:1").then_some(alias)
        })
    }

    /// Waits until it shows this neighbour no more.
    ///
    /// # Panics
    /// With its screen, if it still does.
    pub fn wait_offline(&self, neighbour: &str, limit: Duration) {
        let who = format!("string:{neighbour}");
        self.wait(&format!("end of {neighbour}"), limit, |finch| {
            let buddy = number(&finch.call("PurpleFindBuddy", &[&finch.account, &who])?)?;
            let online = finch.call("PurpleBuddyIsOnline", &[&buddy]);
            let is_online = online.and_then(|answer| number(&answer));
            (is_online.as_deref() != Some("int32:1")).then_some(())
        });
    }

    /// Sends chat text to a neighbour.
    ///
    /// # Panics
    /// With its screen, if it cannot.
    pub fn say(&self, neighbour: &str, text: &str) {
        let said = || {
            let who = format!("string:{neighbour}");
            // 1: a conversation of two.
            let of_two = ["int32:1", &self.account, &who];
            let conversation = number(&self.call("PurpleConversationNew", &of_two)?)?;
            let im = number(&self.call("PurpleConvIm", &[&conversation])?)?;
            self.call("PurpleConvImSend", &[&im, &format!("string:{text}")])
        };
        if said().is_none() {
            panic!("finch cannot send to {neighbour}:\n{}", self.screen());
        }
    }

    /// Waits until its log of the conversation with a neighbour holds this text.
    ///
    /// # Panics
    /// With its screen, if it does not.
    pub fn wait_heard(&self, neighbour: &str, text: &str, limit: Duration) {
        self.wait(text, limit, |finch| {
            finch.log(neighbour)?.contains(text).then_some(())
        });
    }

    /// Whether that log holds this text before so much time is over.
    pub fn hears(&self, neighbour: &str, text: &str, limit: Duration) -> bool {
        crate::netns::wait(limit, || {
            self.log(neighbour).is_some_and(|log| log.contains(text))
        })
    }

    fn log(&self, neighbour: &str) -> Option<String> {
        let logs = format!(".purple/logs/bonjour/{}/{neighbour}", self.name);
        let folder: PathBuf = self.scratch.join(&logs);
        let files = std::fs::read_dir(folder).ok()?;
        let texts = files
            .flatten()
            .map(|file| std::fs::read_to_string(file.path()));
        Some(texts.map(Result::unwrap_or_default).collect())
    }

    fn wait<T>(&self, what: &str, limit: Duration, look: impl Fn(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            if Instant::now() >= deadline {
                let (screen, log) = (self.screen(), self.avahi.log());
                panic!("finch: no {what} within {limit:?}\n{screen}\n{log}");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// What its terminal shows.
    pub fn screen(&self) -> String {
        let output = self.tmux().args(["capture-pane", "-p"]).output();
        output.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }
}

impl Drop for Finch<'_> {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").output();
    }
}

fn accounts(name: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8' ?>\n<account version='1.0'><account>\
         <protocol>prpl-bonjour</protocol><name>{name}</name>\
         <statuses><status type='available' name='Available' active='true'><attributes/></status></statuses>\
         <settings><setting name='first' type='string'>Finn</setting>\
         <setting name='last' type='string'>Inch</setting>\
         <setting name='port' type='int'>5298</setting></settings>\
         <settings ui='gnt-purple'><setting name='auto-login' type='bool'>1</setting></settings>\
         </account></account>\n"
    )
}

/// The first number of an answer, as an argument.
fn number(answer: &str) -> Option<String> {
    let (_, rest) = answer.split_once("int32 ")?;
    let number: i64 = rest.split_whitespace().next()?.parse().ok()?;
    (number >= 0).then(|| format!("int32:{number}"))
}
