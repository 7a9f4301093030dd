//! Keys on the terminal while a call rings or is up.

use std::io::IsTerminal;

use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A letter, lower-case.
    Letter(char),
    /// Ctrl-C.
    Interrupt,
}

/// The terminal in raw mode: keys arrive one by one; dropped, it is as it was.
#[derive(Debug)]
pub(crate) struct Keys {
    keys: mpsc::UnboundedReceiver<Key>,
}

impl Keys {
    /// `None` when standard input or output is no terminal.
    pub(crate) fn open() -> Option<Self> {
        if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
            return None;
        }
        crossterm::terminal::enable_raw_mode().ok()?;
        let (sender, keys) = mpsc::unbounded_channel();
        // Reading keys blocks, so it has a thread, which ends with the program.
        std::thread::spawn(move || {
            while let Ok(event) = crossterm::event::read() {
                if let Some(key) = meaning(&event)
                    && sender.send(key).is_err()
                {
                    return;
                }
            }
        });
        Some(Self { keys })
    }

    /// The next key. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Key> {
        self.keys.recv().await
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Err(error) = crossterm::terminal::disable_raw_mode() {
            tracing::debug!(%error, "the terminal stays raw");
        }
    }
}

fn meaning(event: &TerminalEvent) -> Option<Key> {
    let key = event
        .as_key_event()
        .filter(|key| key.kind != KeyEventKind::Release)?;
    let KeyCode::Char(letter) = key.code else {
        return None;
    };
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (letter == 'c').then_some(Key::Interrupt);
    }
    letter.to_lowercase().next().map(Key::Letter)
}
