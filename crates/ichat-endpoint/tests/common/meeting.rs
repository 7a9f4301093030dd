//! Two parties on a network in memory, from their introduction to the end of the call.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ichat_ice::GatherConfig;
use ichat_invitation::Candidate;
use netsim::{Access, HostId, Link, Reflector, Scenario, Stage, World};

use super::party::Party;

const PATIENCE: Duration = Duration::from_secs(20);

/// Two parties, their servers, and what lies between.
pub(crate) struct Meeting {
    pub(crate) world: World<Party>,
    pub(crate) caller: HostId,
    pub(crate) callee: HostId,
}

impl Meeting {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let stage = scenario.build(Instant::now()).unwrap();
        let servers = GatherConfig {
            snatmap: vec![stage.snatmap_address()],
            ..GatherConfig::default()
        };
        Self::on(stage, scenario.seed, &servers)
    }

    pub(crate) fn on(stage: Stage, seed: u64, servers: &GatherConfig) -> Self {
        let (caller, callee) = (stage.caller, stage.callee);
        let reflector = stage.reflector;
        let mut world = World::new(stage.network);
        let now = world.now();
        world.set_service(reflector, Box::new(Reflector::new()));
        for (host, is_caller) in [(caller, true), (callee, false)] {
            let own: Vec<IpAddr> = world.network().addresses(host);
            let seed = seed * 2 + u64::from(is_caller);
            let party = Party::new(now, is_caller, seed, &own, servers.clone());
            world.set_endpoint(host, party);
        }
        Self {
            world,
            caller,
            callee,
        }
    }

    pub(crate) fn caller(&mut self) -> &mut Party {
        self.world.endpoint_mut(self.caller).unwrap()
    }

    pub(crate) fn callee(&mut self) -> &mut Party {
        self.world.endpoint_mut(self.callee).unwrap()
    }

    pub(crate) fn run(&mut self, time: Duration) {
        self.world.run_for(time).unwrap();
    }

    /// Both gather; the request and the acceptance have gone.
    pub(crate) fn agree(&mut self) -> [Vec<Candidate>; 2] {
        let (caller, callee) = (self.caller, self.callee);
        let gathered = |world: &World<Party>| {
            [caller, callee]
                .into_iter()
                .all(|host| world.endpoint(host).unwrap().gathered)
        };
        let deadline = self.world.now() + Duration::from_secs(10);
        assert!(self.world.run_until(deadline, gathered).unwrap());
        let now = self.world.now();
        let ours = self.caller().introduce(now);
        let theirs = self.callee().introduce(now);
        self.callee().meet(now, &ours);
        self.run(Duration::from_millis(30));
        let now = self.world.now();
        self.caller().meet(now, &theirs);
        [ours, theirs]
    }

    /// Runs until both are connected.
    pub(crate) fn connect(&mut self) -> bool {
        let (caller, callee) = (self.caller, self.callee);
        let connected = |world: &World<Party>| {
            [caller, callee]
                .into_iter()
                .all(|host| world.endpoint(host).unwrap().is_connected())
        };
        let deadline = self.world.now() + PATIENCE;
        self.world.run_until(deadline, connected).unwrap()
    }

    /// What both have heard so far, in packets.
    pub(crate) fn heard(&mut self) -> [u64; 2] {
        let received = |party: &Party| {
            let figures = party.call.as_ref().and_then(|call| call.statistics());
            figures.map_or(0, |figures| figures.received)
        };
        [received(self.caller()), received(self.callee())]
    }

    pub(crate) fn hang_up(&mut self) {
        let now = self.world.now();
        self.caller().hang_up(now);
        self.run(Duration::from_secs(3));
    }
}

/// Gives everybody this link to the network.
pub(crate) fn a_way(scenario: &mut Scenario, link: Link) {
    for host in [&mut scenario.caller, &mut scenario.callee] {
        for attachment in &mut host.attachments {
            attachment.access = Access::symmetric(link.clone());
        }
    }
}

/// A packet of somebody's.
pub(crate) fn rtp(sequence: u8) -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, sequence, 0, 0, 0, 0, 1, 2, 3, 4];
    packet.extend([0x55; 160]);
    packet
}
