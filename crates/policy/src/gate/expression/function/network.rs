//! Addresses and blocks: the network extension.
//!
//! <https://pkg.go.dev/k8s.io/apiserver/pkg/cel/library#IP> and
//! cel-spec's `network_ext`. Zones and v4-mapped forms are refused, so that an
//! address has one meaning.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Function, refuse};
use crate::gate::expression::value::{Fail, Fault, Outcome, Value};

pub(super) fn call<'a>(function: Function, args: &[Value<'a>]) -> Outcome<'a> {
    use Function as F;
    Ok(match (function, args) {
        (F::Ip, [Value::Ip(_)]) | (F::Cidr, [Value::Cidr(..)]) => {
            args[0].clone()
        }
        (F::Ip, [Value::Cidr(address, _)]) => Value::Ip(*address),
        (F::Ip, [Value::String(text)]) => Value::Ip(ip(text.as_str())?),
        (F::IsIp, [Value::String(text)]) => {
            Value::Bool(parse_ip(text.as_str()).is_some())
        }
        (F::IsCanonical, [Value::String(text)]) => {
            let address = ip(text.as_str())?;
            Value::Bool(address.to_string() == text.as_str())
        }
        (F::Cidr, [Value::String(text)]) => {
            let (address, len) = cidr(text.as_str())?;
            Value::Cidr(address, len)
        }
        (F::IsCidr, [Value::String(text)]) => {
            Value::Bool(parse_cidr(text.as_str()).is_some())
        }
        (F::ContainsIp, [Value::Cidr(block, len), other]) => {
            let address = match other {
                Value::Ip(address) => *address,
                Value::String(text) => ip(text.as_str())?,
                _ => return Err(refuse(function, args)),
            };
            Value::Bool(contains(*block, *len, address))
        }
        (F::ContainsCidr, [Value::Cidr(block, len), other]) => {
            let (address, inner) = match other {
                Value::Cidr(address, inner) => (*address, *inner),
                Value::String(text) => cidr(text.as_str())?,
                _ => return Err(refuse(function, args)),
            };
            Value::Bool(inner >= *len && contains(*block, *len, address))
        }
        (F::Masked, [Value::Cidr(address, len)]) => {
            Value::Cidr(masked(*address, *len), *len)
        }
        (F::PrefixLength, [Value::Cidr(_, len)]) => Value::Int(i64::from(*len)),
        (F::Family, [Value::Ip(address)]) => {
            Value::Int(if address.is_ipv4() { 4 } else { 6 })
        }
        (_, [Value::Ip(address)]) => match property(function, *address) {
            Some(holds) => Value::Bool(holds),
            None => return Err(refuse(function, args)),
        },
        _ => return Err(refuse(function, args)),
    })
}

fn property(function: Function, address: IpAddr) -> Option<bool> {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    Some(match function {
        Function::IsUnspecified => address.is_unspecified(),
        Function::IsLoopback => address.is_loopback(),
        Function::IsLinkLocalUnicast => link_local,
        Function::IsLinkLocalMulticast => match address {
            IpAddr::V4(v4) => v4.octets()[..3] == [224, 0, 0],
            IpAddr::V6(v6) => v6.segments()[0] & 0xff0f == 0xff02,
        },
        // As Go's `netip`: neither multicast, loopback, link-local, broadcast
        // nor unspecified; private blocks are included.
        Function::IsGlobalUnicast => {
            let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
            !(address.is_unspecified()
                || address.is_loopback()
                || address.is_multicast()
                || link_local
                || broadcast)
        }
        _ => return None,
    })
}

fn ip(text: &str) -> Result<IpAddr, Fail> {
    parse_ip(text).ok_or_else(|| {
        let text: String = text.chars().take(60).collect();
        let why = format!(
            "IP Address '{text}' parse error during conversion from string"
        );
        Fault::Conversion(why).into()
    })
}

fn cidr(text: &str) -> Result<(IpAddr, u8), Fail> {
    parse_cidr(text).ok_or_else(|| {
        let text: String = text.chars().take(60).collect();
        let why = format!(
            "network address parse error during conversion from string: '{text}'"
        );
        Fault::Conversion(why).into()
    })
}

/// An address; no zone, no v4-mapped form.
pub(super) fn parse_ip(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    (address.to_canonical() == address).then_some(address)
}

/// A block; bits beyond the length are kept.
pub(super) fn parse_cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, len) = text.split_once('/')?;
    let address = parse_ip(address)?;
    let plain = !len.is_empty()
        && len.bytes().all(|b| b.is_ascii_digit())
        && (len == "0" || !len.starts_with('0'));
    let len: u8 = if plain { len.parse().ok()? } else { return None };
    let most = if address.is_ipv4() { 32 } else { 128 };
    (len <= most).then_some((address, len))
}

/// `10.0.0.0/8`.
pub(super) fn cidr_text(address: IpAddr, len: u8) -> String {
    format!("{address}/{len}")
}

fn contains(block: IpAddr, len: u8, address: IpAddr) -> bool {
    block.is_ipv4() == address.is_ipv4()
        && masked(block, len) == masked(address, len)
}

fn masked(address: IpAddr, len: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask =
                u32::MAX.checked_shl(32 - u32::from(len.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(len.min(128)))
                .unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}
