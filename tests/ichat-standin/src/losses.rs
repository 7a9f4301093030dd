//! A network that loses datagrams, whatever they are: `--lose-percent`.

use crate::options::Options;
use crate::random::Random;
use crate::sockets::Outbox;

/// What is lost of the datagrams to and from the peer.
#[derive(Debug)]
pub(crate) struct Losses {
    percent: u8,
    random: Random,
}

impl Losses {
    /// By the seed of the options: what else is random stays as it is without losses.
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            percent: options.lose_percent,
            random: Random::new(!options.seed),
        }
    }

    /// Whether the next datagram is lost.
    pub(crate) fn is_lost(&mut self) -> bool {
        self.random.u64() % 100 < u64::from(self.percent)
    }

    /// Takes out what is lost.
    pub(crate) fn thin(&mut self, outbox: &mut Outbox) {
        outbox.retain(|_| !self.is_lost());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Mode;
    use crate::sockets::SocketId;

    fn kept(percent: u8, seed: u64) -> Vec<u8> {
        let mut options = Options::new(Mode::Call);
        options.seed = seed;
        options.lose(percent);
        let to = ([127, 0, 0, 1], 9).into();
        let mut outbox: Outbox = (0..200)
            .map(|number| (SocketId::Main, to, vec![number]))
            .collect();
        Losses::new(&options).thin(&mut outbox);
        outbox.into_iter().map(|(.., octets)| octets[0]).collect()
    }

    #[test]
    fn so_many_of_a_hundred_are_lost_and_the_others_keep_their_order() {
        assert_eq!(kept(0, 1).len(), 200);
        assert_eq!(kept(100, 1), [0; 0]);
        let some = kept(30, 1);
        assert!((110..170).contains(&some.len()), "{}", some.len());
        assert!(some.is_sorted());
        assert_eq!(some, kept(30, 1));
        assert_ne!(some, kept(30, 2));
    }
}
