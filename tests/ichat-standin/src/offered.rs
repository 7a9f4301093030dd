//! The candidates that we list, as the flags want them (`docs/protocol/addresses.md`, candidates).

use crate::candidate::{
    self, Candidate, HOST, HOST_PRIORITY, IPV6_PRIORITY, REFLEXIVE, REFLEXIVE_PRIORITY, new_id,
};
use crate::ipport;
use crate::options::{Listed, Options};
use crate::random::Random;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What the middlebox of `--tamper-guard` puts in place of an address.
const MIDDLEBOX: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 77);

/// Where we can be reached, and what we say of it.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    /// Our socket.
    pub(crate) own: SocketAddr,
    /// What the reflector saw of it.
    pub(crate) mapped: Option<SocketAddr>,
    /// In the request or its answer.
    pub(crate) first: Vec<Candidate>,
    /// In a counter-proposal.
    pub(crate) late: Vec<Candidate>,
}

/// Somewhere near, where nobody is.
fn nobody(near: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match near.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => [127, 0, 0, 1].into(),
        IpAddr::V4(ip) if ip.is_private() => [10, 255, 255, 1].into(),
        IpAddr::V4(_) => [192, 0, 2, 1].into(),
        IpAddr::V6(ip) if ip.is_loopback() => ip.into(),
        IpAddr::V6(ip) if ip.segments()[0] & 0xfe00 == 0xfc00 => {
            [0xfdff, 0, 0, 0, 0, 0, 0, 1].into()
        }
        IpAddr::V6(_) => [0x2001, 0xdb8, 0xdead, 0, 0, 0, 0, 1].into(),
    };
    // The discard service: on loopback it is shut.
    SocketAddr::new(ip, 9)
}

impl Offered {
    /// Makes them.
    pub(crate) fn new(
        options: &Options,
        own: SocketAddr,
        mapped: Option<SocketAddr>,
        mut random: Random,
    ) -> Self {
        let style = &options.list;
        let checks = &options.checks;
        let mut host = |index: usize, address: SocketAddr, above: u16| {
            let record = ipport::record(index, address, style.garbage);
            let priority = match address {
                SocketAddr::V4(_) => HOST_PRIORITY + above,
                SocketAddr::V6(_) => IPV6_PRIORITY + above,
            };
            Candidate::new(HOST, new_id(random.u32()), priority, record, record)
        };
        let late = options.conference.late_candidate.is_some();
        let mut first = Vec::new();
        if checks.dead_candidate || late {
            first.push(host(9, nobody(own), 1));
        }
        let named = style.ipports.clone().unwrap_or(vec![Listed::Own]);
        for (index, entry) in named.into_iter().enumerate() {
            match entry {
                Listed::Own if late => {}
                Listed::Own => first.push(host(index, own, 0)),
                Listed::Other(address) => first.push(host(index, address, 0)),
            }
        }
        let proposes = late || options.vc.counter_proposal;
        let late = match proposes {
            true => vec![host(8, own, 0)],
            false => Vec::new(),
        };
        if let Some(mapped) = mapped.filter(|mapped| *mapped != own) {
            let address = ipport::record(0, mapped, style.garbage);
            let base = ipport::record(0, own, style.garbage);
            let id = new_id(random.u32());
            let candidate = Candidate::new(REFLEXIVE, id, REFLEXIVE_PRIORITY, address, base);
            first.push(candidate);
        }
        Self {
            own,
            mapped,
            first,
            late,
        }
    }

    /// All that we ever say.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Candidate> {
        self.first.iter().chain(&self.late)
    }

    /// The legacy list: the mapped address first, unless the flags name what it holds.
    pub(crate) fn addresses(&self, options: &Options) -> Vec<SocketAddr> {
        match &options.list.ipports {
            None => self.mapped.into_iter().chain([self.own]).collect(),
            Some(listed) => listed
                .iter()
                .map(|entry| match entry {
                    Listed::Own => self.own,
                    Listed::Other(address) => *address,
                })
                .collect(),
        }
    }

    /// The octets of candidates as they arrive, through whatever middlebox the flags put there.
    pub(crate) fn encode(candidates: &[Candidate], options: &Options) -> Vec<u8> {
        let arrives = |candidate: &Candidate| match options.checks.tamper_guard {
            true => candidate.tampered(MIDDLEBOX),
            false => candidate.clone(),
        };
        let arrived: Vec<Candidate> = candidates.iter().map(arrives).collect();
        candidate::encode(&arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Mode;
    use std::time::Duration;

    fn own() -> SocketAddr {
        SocketAddr::from(([192, 168, 1, 132], 16402))
    }

    fn mapped() -> SocketAddr {
        SocketAddr::from(([203, 0, 113, 9], 40001))
    }

    fn offered(change: impl Fn(&mut Options), mapped: Option<SocketAddr>) -> (Options, Offered) {
        let mut options = Options::new(Mode::Answer);
        change(&mut options);
        let offered = Offered::new(&options, own(), mapped, Random::new(1));
        (options, offered)
    }

    fn listed(candidates: &[Candidate]) -> Vec<(u32, u16, SocketAddr)> {
        let one = |c: &Candidate| (c.kind, c.priority, c.address());
        candidates.iter().map(one).collect()
    }

    #[test]
    fn an_address_of_our_own_is_a_host_and_a_mapped_one_names_its_base() {
        let (options, offered) = offered(|_| {}, Some(mapped()));
        let expected = [(HOST, 45, own()), (REFLEXIVE, 35, mapped())];
        assert_eq!(listed(&offered.first), expected);
        assert_eq!(offered.first[1].base(), own());
        assert_eq!(offered.addresses(&options), [mapped(), own()]);
        assert!(offered.late.is_empty());
        let mut found = crate::checks::Findings::default();
        candidate::check(&offered.first, &mut found);
        assert_eq!(found.0, [""; 0]);
    }

    #[test]
    fn what_stays_the_same_behind_a_nat_is_listed_once() {
        let (_, offered) = offered(|_| {}, Some(own()));
        assert_eq!(offered.first.len(), 1);
    }

    #[test]
    fn a_dead_one_stands_above_and_a_late_one_stays_behind() {
        let dead = SocketAddr::from(([10, 255, 255, 1], 9));
        let (_, with_dead) = offered(|o| o.checks.dead_candidate = true, None);
        assert_eq!(
            listed(&with_dead.first),
            [(HOST, 46, dead), (HOST, 45, own())]
        );
        let (_, with_late) = offered(
            |o| o.conference.late_candidate = Some(Duration::from_secs(1)),
            None,
        );
        assert_eq!(listed(&with_late.first), [(HOST, 46, dead)]);
        assert_eq!(listed(&with_late.late), [(HOST, 45, own())]);
        assert_eq!(with_late.all().count(), 2);
        let proposing = offered(|o| o.vc.counter_proposal = true, None).1;
        assert_ne!(proposing.first[0].id, proposing.late[0].id);
    }

    #[test]
    fn a_middlebox_spoils_the_addresses_but_not_the_guards() {
        let (options, offered) = offered(|o| o.checks.tamper_guard = true, Some(mapped()));
        let octets = Offered::encode(&offered.first, &options);
        let arrived = candidate::decode(&octets).unwrap();
        let spoiled = SocketAddr::from((MIDDLEBOX, 16402));
        assert_eq!(
            (arrived[0].address(), arrived[0].base()),
            (spoiled, spoiled)
        );
        assert_eq!(
            (arrived[1].address(), arrived[1].base()),
            (mapped(), spoiled)
        );
        let restored: Vec<Candidate> = arrived.iter().map(Candidate::restored).collect();
        assert_eq!(restored, offered.first);
    }
}
