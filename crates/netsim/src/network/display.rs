//! The topology in print: a tree with the internet at its root.

use std::fmt;

use super::{Ipv6Router, Network, Router, RouterId, SegmentId};
use crate::link::{Access, Link, Loss};

/// The topology, a line a segment, router and host.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, _) in self.segments.iter().enumerate() {
            let id = SegmentId(index);
            let is_root = !self.routers.iter().any(|router| router.inside == id);
            if is_root {
                self.print_segment(f, id, 0)?;
            }
        }
        Ok(())
    }
}

impl Network {
    fn print_segment(
        &self,
        f: &mut fmt::Formatter<'_>,
        id: SegmentId,
        depth: usize,
    ) -> fmt::Result {
        let Some(segment) = self.segments.get(id.0) else {
            return Ok(());
        };
        indent(f, depth)?;
        f.write_str(&segment.name)?;
        if id != Self::INTERNET {
            for prefix in &segment.prefixes {
                write!(f, " {prefix}")?;
            }
        }
        writeln!(f)?;
        for interface in self
            .interfaces
            .iter()
            .filter(|interface| interface.segment == id)
        {
            indent(f, depth + 1)?;
            let host = self.hosts.get(interface.host.0);
            write!(f, "host {}", host.map_or("", |host| &host.name))?;
            for address in &interface.addresses {
                write!(f, " {address}")?;
            }
            let connection = &interface.connection;
            print_access(f, &connection.up.link, &connection.down.link)?;
            writeln!(f)?;
        }
        for (index, router) in self
            .routers
            .iter()
            .enumerate()
            .filter(|(_, router)| router.outside == id)
        {
            self.print_router(f, RouterId(index), router, depth + 1)?;
        }
        Ok(())
    }

    fn print_router(
        &self,
        f: &mut fmt::Formatter<'_>,
        id: RouterId,
        router: &Router,
        depth: usize,
    ) -> fmt::Result {
        indent(f, depth)?;
        write!(f, "router {}", router.name)?;
        for address in self.external_addresses(id) {
            write!(f, " {address}")?;
        }
        if let Some(nat) = &router.nat {
            write!(f, "; NAT {}", nat.nat())?;
        }
        match &router.ipv6 {
            Ipv6Router::Off => {}
            Ipv6Router::Open => f.write_str("; IPv6")?,
            Ipv6Router::Filtered(table) => write!(f, "; IPv6, {}", table.firewall())?,
        }
        let connection = &router.connection;
        print_access(f, &connection.up.link, &connection.down.link)?;
        writeln!(f)?;
        self.print_segment(f, router.inside, depth + 1)
    }
}

/// Up and down in few words: `12+3 ms, 5 % lost`. An ideal link prints as nothing.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_access(f, &self.up, &self.down)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}+{} ms",
            self.delay.as_millis(),
            self.jitter.as_millis()
        )?;
        let bursts = match self.loss {
            Loss::None | Loss::Independent(_) => "",
            Loss::GilbertElliott { .. } => " in bursts",
        };
        let shares = [
            (self.loss.average(), "lost", bursts),
            (self.reordered, "reordered", ""),
            (self.duplicated, "duplicated", ""),
        ];
        for (share, what, how) in shares {
            if share > 0.0 {
                write!(f, ", {:.1} % {what}{how}", share * 100.0)?;
            }
        }
        if let Some(rate) = self.rate {
            write!(f, ", {} kbit/s", rate / 1000)?;
        }
        if let Some(mtu) = self.mtu {
            write!(f, ", MTU {mtu}")?;
        }
        Ok(())
    }
}

fn print_access(f: &mut fmt::Formatter<'_>, up: &Link, down: &Link) -> fmt::Result {
    let ideal = Link::default();
    if up == down && *up == ideal {
        return Ok(());
    }
    if up == down {
        return write!(f, " ({up})");
    }
    write!(f, " (up {up}; down {down})")
}

fn indent(f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
    write!(f, "{:width$}", "", width = depth * 2)
}
