// SPDX-License-Identifier: MIT OR Apache-2.0
//! The statistics of the module as a scraper of Prometheus gets them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use live::call::Serves;
use live::host::Host;
use live::pair::Pair;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, check, kamailio_of};

const SCRAPED: &str = "
disable_tcp=no
tcp_children=1
tcp_accept_no_cl=yes
listen=tcp:ADDRESS
loadmodule \"xhttp.so\"
loadmodule \"xhttp_prom.so\"
modparam(\"xhttp_prom\", \"xhttp_prom_stats\", \"ims_release:\")
modparam(\"ims_release\", \"store\", STORE)
event_route[xhttp:request] {
    ims_release_by(\"call\", \"nobody\", \"503\");
    prom_dispatch();
}
request_route {
    loose_route();
    if (is_method(\"INVITE\") && !has_totag()) {
        record_route();
        ims_release_track(\"orig\");
    }
    t_relay();
}
";

#[test]
fn a_scraper_sees_them() -> Trial {
    let mut host = kamailio_of(|host| SCRAPED.replace("ADDRESS", &host.address().to_string()))?;
    let mut pairs = [Pair::new(&host, Serves::Calling, "")?, Pair::new(&host, Serves::Calling, "")?];
    host.release("call", &pairs[0].call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    pairs[0].answer_byes(PROMPT)?;
    let completed = || host.stats().is_ok_and(|stats| stats["completed"].to_string().trim_matches('"') == "1");
    check(live::process::wait_until(PROMPT, completed), || host.log())?;
    let page = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(host.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")?;
        let mut page = Vec::new();
        let mut buffer = [0; 4096];
        // The proxy leaves the connection open: what stands last is the end.
        while !String::from_utf8_lossy(&page).contains("store_refused_large") {
            match stream.read(&mut buffer)? {
                0 => break,
                length => page.extend_from_slice(&buffer[..length]),
            }
        }
        Ok(String::from_utf8_lossy(&page).into_owned())
    };
    let page = page().map_err(|error| format!("{error}\n{}", host.log()))?;
    for line in [
        "tracked 2 ",
        "confirmed 2 ",
        "releases_started 1 ",
        "releases_completed 1 ",
        "releases_pending 0 ",
        "releases_oldest_seconds 0 ",
        "legs_done 2 ",
        "legs_gone 0 ",
        "legs_failed 0 ",
        "legs_not_built 0 ",
        "refused_messages 0 ",
        "misdirected 0 ",
        "store_records ",
        "store_capacity ",
    ] {
        check(page.contains(&format!("kamailio_ims_release_{line}")), || format!("no {line}in {page}"))?;
    }
    let log = host.log();
    check(!log.contains("CRITICAL") && !log.contains("exited by"), || log.clone())?;
    // With TCP the core itself may find its processes gone when it is stopped, and calls that critical.
    host.may_die();
    Ok(())
}
