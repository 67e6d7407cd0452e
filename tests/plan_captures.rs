// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ims-release plan` on captures: every link layer, and everything that a network and a capture do to messages.
#![cfg(feature = "cli")]

mod plan_support;
mod support;

use plan_support::call::{BASE, Call};
use plan_support::capture::{
    Ends, FIN, LONGER_HEADERS, Link, NANOSECONDS, PUSH_ACK, SYN, frame, pcap, pcap_of, pcapng, pcapng_of_packet_blocks,
    tcp, udp, udp_fragments, vlan_frame,
};
use plan_support::{plan_calling, rejected, run};
use serde_json::Value;

fn there() -> Ends {
    Ends::new("192.0.2.1:5060", "192.0.2.2:5060")
}

fn there_6() -> Ends {
    Ends::new("[2001:db8::1]:5060", "[2001:db8::2]:5060")
}

/// The messages of base A as UDP packets: replies the other way.
fn packets(ends: Ends) -> Vec<Vec<u8>> {
    let packet = |message: &String| {
        let ends = if message.starts_with("SIP/2.0") { ends.back() } else { ends };
        udp(ends, message.as_bytes())
    };
    BASE.messages().iter().map(packet).collect()
}

fn frames(link: Link, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    packets.iter().map(|packet| frame(link, packet)).collect()
}

/// The one dialog of a report, which is that of base A: BYE 130 next.
fn base_a(report: &Value) {
    let dialogs = report["dialogs"].as_array().expect("a list");
    assert_eq!(dialogs.len(), 1, "{report:#}");
    let dialog = &dialogs[0];
    assert_eq!(dialog["call_id"], BASE.call_id);
    assert_eq!((&dialog["from_tag"], &dialog["to_tag"]), (&"171828".into(), &"314159".into()));
    assert_eq!(dialog["state"], "confirmed");
    assert_eq!(dialog["called"]["cseq"], 130, "{report:#}");
    assert_eq!(dialog["called"]["delivery"], "service-control");
    assert_eq!(dialog["called"]["next_hop"], "sip:mo@scscf1.home1.net;lr;did=7a1.3");
    assert_eq!(dialog["called"]["route"].as_array().map(Vec::len), Some(3));
    assert_eq!(dialog["calling"]["delivery"], "direct");
    assert_eq!(dialog["calling"]["next_hop"], "sip:pcscf1.visited1.net:7531;lr");
}

/// Base A, and nothing was rejected.
fn base_a_alone(capture: &[u8]) {
    let report = plan_calling(capture);
    base_a(&report);
    assert_eq!(rejected(&report), []);
}

#[test]
fn every_link_layer_and_both_byte_orders() {
    for link in [Link::Null, Link::Ethernet, Link::Raw, Link::LinuxCooked, Link::LinuxCooked2] {
        for ends in [there(), there_6()] {
            for swapped in [false, true] {
                base_a_alone(&pcap(link, &frames(link, &packets(ends)), swapped));
            }
        }
    }
    let tagged: Vec<Vec<u8>> = packets(there()).iter().map(|packet| vlan_frame(packet)).collect();
    base_a_alone(&pcap(Link::Ethernet, &tagged, false));
}

#[test]
fn the_padding_of_a_short_frame_is_no_part_of_its_datagram() {
    let mut frames = frames(Link::Ethernet, &packets(there()));
    frames.iter_mut().for_each(|frame| frame.extend([0; 18]));
    base_a_alone(&pcap(Link::Ethernet, &frames, false));
}

#[test]
fn a_pcapng_with_two_interfaces_of_different_kinds() {
    let frames: Vec<(u32, Vec<u8>)> = packets(there())
        .iter()
        .enumerate()
        .map(|(index, packet)| match index % 2 {
            0 => (0, frame(Link::Ethernet, packet)),
            _ => (1, frame(Link::Raw, packet)),
        })
        .collect();
    base_a_alone(&pcapng(&[Link::Ethernet, Link::Raw], &frames));
}

#[test]
fn a_pcapng_with_the_obsolete_packet_block() {
    for link in [Link::Ethernet, Link::Raw] {
        for swapped in [false, true] {
            let frames = frames(link, &packets(there()));
            let whole = pcapng_of_packet_blocks(link, &frames, swapped);
            base_a_alone(&whole);
            let mut damaged = whole;
            let last = pcapng_of_packet_blocks(link, &frames[..5], swapped).len();
            // The length kept, behind type, length, interface, what was lost, and time.
            damaged[last + 20..last + 24].fill(0x7f);
            let report = plan_calling(&damaged);
            base_a(&report);
            assert_eq!(rejected(&report), [("capture".to_string(), 6)]);
        }
    }
}

#[test]
fn a_frame_of_an_interface_that_is_not_described_is_told_and_counted() {
    let interface = |index| if index == 2 { 7 } else { 0 };
    let packets = packets(there());
    let mut numbered: Vec<(u32, Vec<u8>)> =
        packets.iter().enumerate().map(|(index, packet)| (interface(index), packet.clone())).collect();
    numbered.push((0, packets[2].clone()));
    let report = plan_calling(&pcapng(&[Link::Raw], &numbered));
    base_a(&report);
    assert_eq!(rejected(&report), [("link-type".to_string(), 3)]);
}

#[test]
fn pcap_files_in_nanoseconds_and_with_longer_record_headers() {
    let frames = frames(Link::Ethernet, &packets(there()));
    for (magic, swapped) in [(NANOSECONDS, false), (NANOSECONDS, true), (LONGER_HEADERS, false)] {
        base_a_alone(&pcap_of(magic, Link::Ethernet, &frames, swapped));
    }
    let said = run(&["plan", "--serves", "calling", "-"], &pcap_of(LONGER_HEADERS, Link::Ethernet, &frames, true));
    assert_eq!((said.status, said.out.as_str(), said.err.lines().count()), (1, "", 1));
    for part in ["ims-release: -: ", "longer record headers", "a1b2cd34", "editcap -F pcap"] {
        assert!(said.err.contains(part), "{}", said.err);
    }
}

#[test]
fn a_capture_at_the_proxy_holds_every_message_twice_and_one_dialog() {
    let mut frames = Vec::new();
    for message in BASE.messages() {
        let reply = message.starts_with("SIP/2.0");
        // As it leaves, the proxy's own Via is on top; a reply comes in with it.
        let own = "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKproxy-CSEQ\r\nVia:";
        let line = message.lines().find(|line| line.starts_with("CSeq: ")).expect("CSeq");
        let own = own.replace("CSEQ", &line["CSeq: ".len()..].replace(' ', "-"));
        let there_on = Ends::new("192.0.2.2:5060", "192.0.2.3:5060");
        let beyond = message.replacen("Via:", &own, 1);
        let (first, second) = match reply {
            false => (udp(there(), message.as_bytes()), udp(there_on, beyond.as_bytes())),
            true => (udp(there_on.back(), beyond.as_bytes()), udp(there().back(), message.as_bytes())),
        };
        frames.extend([frame(Link::Ethernet, &first), frame(Link::Ethernet, &second)]);
    }
    base_a_alone(&pcap(Link::Ethernet, &frames, false));
}

#[test]
fn fragments_of_ipv4_and_ipv6_in_any_order_and_twice() {
    for ends in [there(), there_6()] {
        let mut frames = Vec::new();
        for (index, message) in BASE.messages().iter().enumerate() {
            let mut pieces = udp_fragments(ends, 100 + index as u32, 128, message.as_bytes());
            assert!(pieces.len() > 2);
            match index % 3 {
                0 => pieces.reverse(),
                1 => pieces.rotate_left(1),
                _ => pieces = pieces.iter().flat_map(|piece| [piece.clone(), piece.clone()]).collect(),
            }
            frames.extend(pieces.iter().map(|piece| frame(Link::Ethernet, piece)));
        }
        base_a_alone(&pcap(Link::Ethernet, &frames, false));
    }
}

#[test]
fn fragments_that_come_again_after_their_packet_was_complete_are_no_message_cut_off() {
    for ends in [there(), there_6()] {
        for order in [[2, 2, 1, 1, 0, 0], [0, 1, 2, 0, 1, 2], [2, 1, 0, 0, 1, 2], [0, 1, 2, 0, 0, 2]] {
            let mut frames = Vec::new();
            for (index, message) in BASE.messages().iter().enumerate() {
                let size = (message.len() / 24 + 1) * 8 + 8;
                let pieces = udp_fragments(ends, 100 + index as u32, size, message.as_bytes());
                assert_eq!(pieces.len(), 3);
                frames.extend(order.map(|piece| frame(Link::Ethernet, &pieces[piece])));
            }
            base_a_alone(&pcap(Link::Ethernet, &frames, false));
        }
    }
}

#[test]
fn a_fragment_with_the_number_of_a_complete_packet_and_other_octets_is_cut_off() {
    for ends in [there(), there_6()] {
        let mut frames = frames(Link::Ethernet, &packets(ends));
        let [whole, other] = [131, 140].map(|cseq| BASE.request("INFO", cseq, ""));
        frames.extend(udp_fragments(ends, 9, 128, whole.as_bytes()).iter().map(|piece| frame(Link::Ethernet, piece)));
        let cut_off = frames.len() as u64 + 1;
        frames.push(frame(Link::Ethernet, &udp_fragments(ends, 9, 128, other.as_bytes())[0]));
        let report = plan_calling(&pcap(Link::Ethernet, &frames, false));
        assert_eq!(report["dialogs"][0]["called"]["cseq"], 132);
        assert_eq!(rejected(&report), [("cut-off".to_string(), cut_off)]);
    }
}

#[test]
fn a_missing_fragment_is_a_message_cut_off_and_the_rest_goes_on() {
    for ends in [there(), there_6()] {
        let mut frames = frames(Link::Ethernet, &packets(ends));
        let pieces = udp_fragments(ends, 9, 128, BASE.request("INFO", 140, "").as_bytes());
        frames.insert(0, frame(Link::Ethernet, &pieces[0]));
        let report = plan_calling(&pcap(Link::Ethernet, &frames, false));
        base_a(&report);
        assert_eq!(rejected(&report), [("cut-off".to_string(), 1)]);
    }
}

/// Both directions of a connection: what the calling user sends, and the replies, each in one piece.
struct Connection {
    requests: Vec<u8>,
    replies: Vec<u8>,
}

impl Connection {
    fn new() -> Self {
        let (replies, requests): (Vec<String>, Vec<String>) =
            BASE.messages().into_iter().partition(|message| message.starts_with("SIP/2.0"));
        Self { requests: requests.concat().into_bytes(), replies: replies.concat().into_bytes() }
    }

    /// Segments of `size` octets each, the INVITE whole before any reply. Sequence numbers turn over in both.
    fn segments(&self, size: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let cut = |ends: Ends, stream: &[u8]| {
            let mut at = u32::MAX - 200;
            let mut packets = vec![tcp(ends, at.wrapping_sub(1), SYN, b"")];
            for piece in stream.chunks(size) {
                packets.push(tcp(ends, at, PUSH_ACK, piece));
                at = at.wrapping_add(piece.len() as u32);
            }
            packets.push(tcp(ends, at, FIN, b""));
            packets
        };
        (cut(there(), &self.requests), cut(there().back(), &self.replies))
    }
}

fn tcp_capture(packets: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let frames: Vec<Vec<u8>> = packets.into_iter().map(|packet| frame(Link::Ethernet, &packet)).collect();
    pcap(Link::Ethernet, &frames, false)
}

#[test]
fn tcp_segments_split_everywhere() {
    let connection = Connection::new();
    for size in [1, 2, 3, 7, 61, 200, 1000, 4000] {
        let (requests, replies) = connection.segments(size);
        base_a_alone(&tcp_capture(requests.into_iter().chain(replies)));
    }
}

#[test]
fn tcp_segments_out_of_order_retransmitted_and_overlapping() {
    let connection = Connection::new();
    let (mut requests, mut replies) = connection.segments(90);
    // All of the data of each direction backwards.
    let (last, end) = (requests.len() - 1, replies.len() - 1);
    requests[1..last].reverse();
    replies[1..end].reverse();
    base_a_alone(&tcp_capture(requests.iter().chain(&replies).cloned()));
    // Each segment twice, the second time late.
    let twice: Vec<Vec<u8>> = requests.iter().chain(&requests).chain(&replies).chain(&replies).cloned().collect();
    base_a_alone(&tcp_capture(twice));
    // Retransmitted in larger pieces, of which a part is known.
    let (larger, _) = connection.segments(140);
    let mixed = requests.iter().step_by(2).chain(&larger).chain(&replies);
    base_a_alone(&tcp_capture(mixed.cloned()));
}

#[test]
fn a_tcp_probe_repeats_an_octet_with_any_value() {
    let (mut requests, replies) = Connection::new().segments(90);
    // One octet before what comes next, as a keep-alive of the kernel.
    requests.insert(3, tcp(there(), (u32::MAX - 200).wrapping_add(180).wrapping_sub(1), PUSH_ACK, b"\0"));
    base_a_alone(&tcp_capture(requests.into_iter().chain(replies)));
}

#[test]
fn tcp_joined_in_mid_stream() {
    let mut connection = Connection::new();
    // The end of a message with a body, of which the beginning was before the capture.
    let rest = b"ion: timed-out\r\nContent-Length: 12\r\n\r\nv=0\r\ns=x y\r\n";
    connection.requests = [&rest[..], &connection.requests].concat();
    let (requests, replies) = connection.segments(75);
    // No SYN; also with the first two segments the wrong way round.
    for order in [[1, 2], [2, 1]] {
        let mut packets = requests[1..].to_vec();
        packets[..2].clone_from_slice(&order.map(|at| requests[at].clone()));
        base_a_alone(&tcp_capture(packets.into_iter().chain(replies[1..].iter().cloned())));
    }
}

#[test]
fn a_tcp_segment_that_was_not_captured() {
    let info = |cseq| BASE.request("INFO", cseq, "");
    let mut connection = Connection::new();
    connection.requests.extend(info(131).into_bytes());
    let hole = connection.requests.len();
    connection.requests.extend(info(132).into_bytes());
    connection.requests.extend(info(133).into_bytes());
    let (requests, replies) = connection.segments(64);
    // Within INFO 132: it is cut off, 133 counts.
    let missing = 1 + hole / 64 + 1;
    let mut kept = requests.clone();
    kept.remove(missing);
    // The replies follow the INVITE: an INFO before any of them belongs to no dialog yet.
    let invite = BASE.invite().len() / 64 + 2;
    let others = kept.split_off(invite);
    let report = plan_calling(&tcp_capture(kept.into_iter().chain(replies.iter().cloned()).chain(others)));
    assert_eq!(report["dialogs"][0]["called"]["cseq"], 134);
    assert_eq!(rejected(&report), [("cut-off".to_string(), (replies.len() + hole / 64 + 2) as u64)]);
}

#[test]
fn a_tcp_stream_that_ends_within_a_message() {
    let mut connection = Connection::new();
    let begins = connection.requests.len() as u64;
    let info = BASE.request("INFO", 131, "");
    for length in [3, 40, info.len() - 2] {
        connection.requests.truncate(begins as usize);
        connection.requests.extend(&info.as_bytes()[..length]);
        let (requests, replies) = connection.segments(64);
        let report = plan_calling(&tcp_capture(requests.into_iter().chain(replies)));
        base_a(&report);
        // Frame 1 is the SYN.
        assert_eq!(rejected(&report), [("cut-off".to_string(), begins / 64 + 2)], "{length}");
    }
}

#[test]
fn the_same_ports_for_another_connection() {
    let (requests, replies) = Connection::new().segments(4000);
    let info = BASE.request("INFO", 140, "");
    let again = [tcp(there(), 5, SYN, b""), tcp(there(), 6, PUSH_ACK, info.as_bytes())];
    let report = plan_calling(&tcp_capture(requests.into_iter().chain(replies).chain(again)));
    assert_eq!(report["dialogs"][0]["called"]["cseq"], 141);
}

#[test]
fn what_is_not_sip_is_passed_over() {
    let mut frames = frames(Link::Ethernet, &packets(there()));
    let rtp: &[u8] = b"\x80\x08\x12\x34\0\0\x01\x40\xde\xad\xbe\xef\xd5\xd5\xd5\xd5SIP/2.0";
    let stun: &[u8] = b"\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl";
    let others =
        [rtp, stun, b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0", b"", b"GET / HTTP/1.1\r\n\r\n", b"INVITE", b"\xff\n"];
    for payload in others {
        frames.insert(1, frame(Link::Ethernet, &udp(there(), payload)));
    }
    // Other connections: HTTP, and octets without any line end.
    let other = Ends::new("192.0.2.1:40000", "192.0.2.9:80");
    frames.push(frame(Link::Ethernet, &tcp(other, 1, PUSH_ACK, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    for at in 0..100 {
        frames.push(frame(Link::Ethernet, &tcp(other.back(), 1 + at * 1400, PUSH_ACK, &[0xfe; 1400])));
    }
    // ARP, and a frame of no length.
    frames.push([&[2; 6][..], &[4; 6], &[8, 6], &[0; 28]].concat());
    frames.push(Vec::new());
    base_a_alone(&pcap(Link::Ethernet, &frames, false));
}

#[test]
fn keep_alives_between_the_messages_of_a_stream() {
    let mut connection = Connection::new();
    connection.requests = BASE
        .messages()
        .iter()
        .filter(|m| !m.starts_with("SIP/2.0"))
        .flat_map(|m| [m.as_bytes(), b"\r\n\r\n\0\0\0\0"].concat())
        .collect();
    let (requests, replies) = connection.segments(50);
    base_a_alone(&tcp_capture(requests.into_iter().chain(replies)));
}

#[test]
fn what_looks_like_sip_and_is_none_is_rejected_with_its_frame() {
    let mut frames = frames(Link::Ethernet, &packets(there()));
    let bad = BASE.request("INFO", 140, "").replace("Call-ID", "X-Call-ID");
    frames.insert(2, frame(Link::Ethernet, &udp(there(), bad.as_bytes())));
    frames.insert(4, frame(Link::Ethernet, &udp(there(), b"OPTIONS sip:x SIP/7.0\r\n\r\n")));
    let report = plan_calling(&pcap(Link::Ethernet, &frames, false));
    base_a(&report);
    assert_eq!(rejected(&report), [("call-id".to_string(), 3), ("start-line".to_string(), 5)]);
    assert_eq!(report["rejected"][0]["file"], "-");
}

#[test]
fn a_capture_that_ends_within_a_frame() {
    let capture = pcap(Link::Ethernet, &frames(Link::Ethernet, &packets(there())), false);
    let last = packets(there()).last().expect("a packet").len() + 14;
    for missing in [1, last, last + 15] {
        let report = plan_calling(&capture[..capture.len() - missing]);
        assert_eq!(report["dialogs"][0]["called"]["cseq"], 130);
        assert_eq!(rejected(&report), [("cut-off".to_string(), 6)], "{missing}");
    }
    // A length that cannot be.
    let mut damaged = capture.clone();
    damaged.extend([0xff; 16]);
    damaged.extend([0; 300]);
    let report = plan_calling(&damaged);
    base_a(&report);
    assert_eq!(report["rejected"][0]["offset"], 7);
}

#[test]
fn a_datagram_of_which_only_the_beginning_was_kept() {
    let message = BASE.request("INFO", 140, "Content-Type: text/plain\r\n").replace("Length: 0", "Length: 500");
    let whole = frame(Link::Ethernet, &udp(there(), &[message.as_bytes(), &[b'x'; 500]].concat()));
    let mut frames = frames(Link::Ethernet, &packets(there()));
    frames.push(whole[..whole.len() - 100].to_vec());
    let report = plan_calling(&pcap(Link::Ethernet, &frames, false));
    base_a(&report);
    assert_eq!(rejected(&report), [("cut-off".to_string(), 7)]);
}

#[test]
fn a_call_in_two_files_and_a_message_across_them() {
    let (requests, replies) = Connection::new().segments(100);
    let directory = tempfile::tempdir().expect("a directory");
    let all: Vec<Vec<u8>> = requests.into_iter().chain(replies).collect();
    let names: Vec<String> = [&all[..3], &all[3..]]
        .iter()
        .enumerate()
        .map(|(index, part)| {
            let name = directory.path().join(format!("{index}.pcap"));
            std::fs::write(&name, tcp_capture(part.to_vec())).expect("a file");
            name.to_str().expect("a plain path").to_string()
        })
        .collect();
    let said = run(
        &["plan", "--serves", "calling", "--own", plan_support::OWN, "--format", "json", &names[0], &names[1]],
        b"",
    );
    base_a(&serde_json::from_str(&said.out).expect("JSON"));
}

#[test]
fn a_capture_that_cannot_be_read_is_status_1_with_nothing_printed() {
    let unknown = pcap(Link::Ethernet, &frames(Link::Ethernet, &packets(there())), false);
    let mut link = unknown.clone();
    link[20..24].copy_from_slice(&147u32.to_le_bytes());
    for (capture, what) in [(&unknown[..10], "not a pcap"), (&link[..], "link type 147")] {
        let said = run(&["plan", "--serves", "calling", "-"], capture);
        assert_eq!((said.status, said.out.as_str()), (1, ""));
        assert!(said.err.starts_with("ims-release: -: ") && said.err.contains(what), "{}", said.err);
        assert_eq!(said.err.lines().count(), 1);
    }
}

#[test]
fn a_branch_of_another_request_does_not_count() {
    let other = Call { call_id: "another", ..BASE };
    let mut messages = BASE.messages();
    messages.push(other.invite());
    // The branch of INVITE 127, the number of no request with it.
    let foreign = BASE.reply(200, "INFO", 150, "").replace("z9hG4bKa150-INFO", "z9hG4bKa127-INVITE");
    // Its request was not captured.
    let lacking = BASE.reply(200, "INFO", 135, "");
    messages.extend([foreign, lacking]);
    let report = plan_calling(messages.concat().as_bytes());
    assert_eq!(report["dialogs"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["dialogs"][0]["called"]["cseq"], 136);
}

#[test]
fn a_damaged_capture_does_no_harm() {
    let (requests, replies) = Connection::new().segments(300);
    let fragments = udp_fragments(there_6(), 5, 256, BASE.request("INFO", 131, "").as_bytes());
    let packets: Vec<Vec<u8>> = requests.into_iter().chain(replies).chain(fragments).collect();
    let frames = frames(Link::Ethernet, &packets);
    let whole = pcapng(&[Link::Ethernet], &frames.iter().map(|frame| (0, frame.clone())).collect::<Vec<_>>());
    for capture in [whole, pcap(Link::Ethernet, &frames, false)] {
        for at in (0..capture.len()).step_by(29) {
            let mut damaged = capture.clone();
            damaged[at] ^= 0x55;
            let said = run(&["plan", "--serves", "calling", "--own", plan_support::OWN, "-"], &damaged);
            assert!(matches!(said.status, 0 | 1) && !said.err.contains("panicked"), "{at}: {}", said.err);
        }
    }
}
