//! Which user's program is at the other end of a connection within this computer.
//!
//! Linux lists every TCP socket with its user in `/proc/net/tcp`; the other end of our connection
//! is the line whose addresses are ours turned round.

use std::net::{Ipv4Addr, SocketAddrV4};

/// What the system's list says of the program at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// A program of this user.
    SameUser,
    /// A program of somebody else.
    OtherUser,
    /// The list does not say, or there is none.
    Unknown,
}

/// Finds the socket at the other end in the text of `/proc/net/tcp`, and its user's number.
///
/// Addresses stand there as hexadecimal in the machine's own byte order, ports in network order.
#[must_use]
pub(super) fn user_of_socket(list: &str, local: SocketAddrV4, remote: SocketAddrV4) -> Option<u32> {
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

fn socket_address(column: &str) -> Option<SocketAddrV4> {
    let (address, port) = column.split_once(':')?;
    let address = u32::from_str_radix(address, 16).ok()?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(SocketAddrV4::new(
        Ipv4Addr::from(address.to_ne_bytes()),
        port,
    ))
}

/// Whose program is at the other end of the connection from `peer` to us at `own`.
#[cfg(target_os = "linux")]
#[must_use]
pub(super) fn owner(peer: std::net::SocketAddr, own: std::net::SocketAddr) -> Owner {
    use std::net::SocketAddr::V4;
    let (V4(peer), V4(own)) = (peer, own) else {
        return Owner::Unknown;
    };
    let Ok(list) = std::fs::read_to_string("/proc/self/net/tcp") else {
        return Owner::Unknown;
    };
    match user_of_socket(&list, peer, own) {
        Some(user) if user == rustix::process::geteuid().as_raw() => Owner::SameUser,
        Some(_) => Owner::OtherUser,
        None => Owner::Unknown,
    }
}

/// Other systems keep no such list that needs no privilege.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub(super) fn owner(_peer: std::net::SocketAddr, _own: std::net::SocketAddr) -> Owner {
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
        let own: SocketAddrV4 = "127.0.0.1:8788".parse().unwrap();
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
