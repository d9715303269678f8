//! Which user's program is at the other end of a connection within this computer.
//!
//! Linux lists every TCP socket with its user in `/proc/net/tcp` and `/proc/net/tcp6`; the other
//! end of our connection is the line whose addresses are ours turned round. A program that connects
//! to `[::ffff:127.0.0.1]` stands in the second list, though we see it come from 127.0.0.1.

use std::net::SocketAddr;
#[cfg(any(target_os = "linux", test))]
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the system's lists say of the program at the other end.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only Linux has the lists that tell")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// A program of this user.
    SameUser,
    /// A program of somebody else, or of nobody on this computer's lists.
    OtherUser,
    /// There are no lists to ask.
    Unknown,
}

/// Finds the socket at the other end in the text of `/proc/net/tcp` or `tcp6`, and its user's
/// number.
///
/// Addresses stand there as hexadecimal words in the machine's own byte order, ports in network
/// order.
#[cfg(any(target_os = "linux", test))]
#[must_use]
pub(super) fn user_of_socket(list: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    list.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let its_local = socket_address(columns.next()?)?;
        let its_remote = socket_address(columns.next()?)?;
        let state = columns.next()?;
        // Only a living connection (01): the user of one that is closing is reported as 0.
        if its_local != local || its_remote != remote || state != "01" {
            return None;
        }
        // tx/rx queues, timer, retransmissions, then the user.
        columns.nth(3)?.parse().ok()
    })
}

/// An address of either list; an IPv4 address in IPv6's clothes is the IPv4 address.
#[cfg(any(target_os = "linux", test))]
fn socket_address(column: &str) -> Option<SocketAddr> {
    let (address, port) = column.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = address.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

/// Whose program is at the other end of the connection from `peer` to us at `own`.
///
/// Both ends of a connection within this computer are on its lists; one that is on none is not
/// this user's to vouch for.
#[cfg(target_os = "linux")]
#[must_use]
pub(super) fn owner(peer: SocketAddr, own: SocketAddr) -> Owner {
    let canonical =
        |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (peer, own) = (canonical(peer), canonical(own));
    // A list that changes while it is read may lack a line: only the second look counts as "no".
    for _ in 0..2 {
        for list in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
            let list = match std::fs::read_to_string(list) {
                Ok(list) => list,
                // Without IPv6 there is no second list.
                Err(error)
                    if error.kind() == std::io::ErrorKind::NotFound && list.ends_with('6') =>
                {
                    continue;
                }
                Err(_) => return Owner::Unknown,
            };
            match user_of_socket(&list, peer, own) {
                Some(user) if user == rustix::process::geteuid().as_raw() => {
                    return Owner::SameUser;
                }
                Some(_) => return Owner::OtherUser,
                None => {}
            }
        }
    }
    Owner::OtherUser
}

/// Other systems keep no such list that needs no privilege.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub(super) fn owner(_peer: SocketAddr, _own: SocketAddr) -> Owner {
    Owner::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn the_other_end_is_found_by_both_addresses() {
        let list = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:2254 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 100 1\n\
            1: 0100007F:2254 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 101 1\n\
            2: 0100007F:D431 0100007F:2254 01 00000000:00000000 00:00000000 00000000  1001        0 102 1\n\
            3: 0100007F:D432 0100007F:2254 06 00000000:00000000 00:00000000 00000000     0        0 0 1\n";
        let own: SocketAddr = "127.0.0.1:8788".parse().unwrap();
        assert_eq!(
            user_of_socket(list, "127.0.0.1:54321".parse().unwrap(), own),
            Some(1001)
        );
        assert_eq!(
            user_of_socket(list, "127.0.0.1:54322".parse().unwrap(), own),
            None
        );
        assert_eq!(
            user_of_socket(list, "127.0.0.1:54323".parse().unwrap(), own),
            None
        );
        assert_eq!(user_of_socket("", own, own), None);
        assert_eq!(user_of_socket("x\ny z\n", own, own), None);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn an_ipv4_address_in_the_other_list_is_found_too() {
        let list = "  sl  local_address remote_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n\
            0: 0000000000000000FFFF00000100007F:D431 0000000000000000FFFF00000100007F:2254 01 00000000:00000000 00:00000000 00000000  1001        0 102 1\n\
            1: 00000000000000000000000001000000:D432 00000000000000000000000001000000:2254 01 00000000:00000000 00:00000000 00000000  1002        0 103 1\n\
            2: 0000000000000000FFFF00000100007:D433 0000000000000000FFFF00000100007F:2254 01 0:0 0:0 0  1003        0 104 1\n";
        let own: SocketAddr = "127.0.0.1:8788".parse().unwrap();
        let user = |peer: &str, own| user_of_socket(list, peer.parse().unwrap(), own);
        assert_eq!(user("127.0.0.1:54321", own), Some(1001));
        assert_eq!(user("127.0.0.1:54322", own), None);
        assert_eq!(user("127.0.0.1:54323", own), None);
        let own: SocketAddr = "[::1]:8788".parse().unwrap();
        assert_eq!(user("[::1]:54322", own), Some(1002));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_that_came_by_the_other_kind_of_address_has_an_owner_and_a_gone_one_has_none() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mapped: Ipv6Addr = "::ffff:127.0.0.1".parse().unwrap();
        // Where there is no IPv6 nobody can come by it.
        if let Ok(client) = std::net::TcpStream::connect((mapped, port)) {
            let (server, peer) = listener.accept().unwrap();
            let own = server.local_addr().unwrap();
            assert_eq!(owner(peer, own), Owner::SameUser);
            drop(client);
        }
        let own = listener.local_addr().unwrap();
        let nobody = SocketAddr::new(own.ip(), 1);
        assert_eq!(owner(nobody, own), Owner::OtherUser);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_connection_is_ours() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().unwrap();
        assert_eq!(owner(peer, server.local_addr().unwrap()), Owner::SameUser);
        drop(client);
    }
}
