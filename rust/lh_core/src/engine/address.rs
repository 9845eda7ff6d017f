//! Addresses that workers are told.

use std::net::SocketAddr;

use lh_machine::pb;

/// How workers reach the address listened on: a wildcard is no address to connect to, and IPv6 needs brackets (04/TW-29).
pub fn reachable(address: SocketAddr) -> pb::LhHostInfo {
    let host = match address {
        _ if address.ip().is_unspecified() => "localhost".to_owned(),
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    pb::LhHostInfo { host, port: i32::from(address.port()) }
}

/// Reads HOST:PORT, an IPv6 host in brackets.
pub fn parse_host(text: &str) -> Option<pb::LhHostInfo> {
    let (host, port) = text.rsplit_once(':')?;
    let is_bare_ipv6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
    (!host.is_empty() && !is_bare_ipv6).then(|| pb::LhHostInfo { host: host.to_owned(), port: i32::from(port) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn host(text: &str) -> Option<(String, i32)> {
        parse_host(text).map(|host| (host.host, host.port))
    }

    /// 04/TW-29: workers join host and port with a colon.
    #[test]
    fn advertised_addresses() {
        assert_eq!(host("engine.example:2023"), Some(("engine.example".into(), 2023)));
        assert_eq!(host("[::1]:2023"), Some(("[::1]".into(), 2023)));
        for bad in ["engine", ":2023", "engine:", "engine:0", "engine:70000", "::1:2023"] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }

    /// 04/TW-29: each advertised host is reachable.
    #[test]
    fn an_address_that_workers_can_connect_to() {
        let told = |text: &str| reachable(text.parse().unwrap()).host;
        assert_eq!(told("127.0.0.1:2023"), "127.0.0.1");
        assert_eq!(told("0.0.0.0:2023"), "localhost");
        assert_eq!(told("[::]:2023"), "localhost");
        assert_eq!(told("[::1]:2023"), "[::1]");
    }
}
