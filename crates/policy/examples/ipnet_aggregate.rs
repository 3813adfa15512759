//! The peer of `bench/feeds`: a list of addresses and prefixes, aggregated by
//! the `ipnet` crate.
//!
//! `ipnet_aggregate FILE` reads the file whole, parses each line, calls
//! `IpNet::aggregate` and prints the result, one prefix a line. It is as fast
//! as that crate allows: no line is copied, and output is written once.

#![expect(clippy::print_stderr, reason = "a tool of a bench")]

use std::{fmt::Write as _, io::Write as _, net::IpAddr, process::ExitCode};

use ipnet::IpNet;

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: ipnet_aggregate FILE");
        return ExitCode::from(2);
    };
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{file}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut nets: Vec<IpNet> = Vec::with_capacity(text.len() / 12);
    for line in text.lines() {
        let net = match line.parse::<IpNet>() {
            Ok(net) => net,
            Err(_) => match line.parse::<IpAddr>() {
                Ok(address) => address.into(),
                Err(_) => {
                    eprintln!("{file}: `{line}` is no prefix");
                    return ExitCode::FAILURE;
                }
            },
        };
        nets.push(net);
    }
    let mut out = String::new();
    for net in IpNet::aggregate(&nets) {
        let _ = writeln!(out, "{net}");
    }
    match std::io::stdout().write_all(out.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
