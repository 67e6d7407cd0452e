// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which request a reply belongs to, by the branch of its topmost Via (RFC 3261 17.1.3), for who reads a capture. A
//! live proxy does not need it: its transaction layer has passed over what belongs to no request.

use std::collections::HashMap;

use crate::message::StartLine;

use super::Captured;

/// The requests that were seen, each under its branch. It grows with them: it is for one capture, not for a proxy.
#[derive(Clone, Debug, Default)]
pub struct Branches {
    seen: HashMap<Box<[u8]>, Vec<Request>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Request {
    call_id: Box<[u8]>,
    cseq: u32,
}

/// A branch without it may be that of many requests (RFC 3261 8.1.1.7, RFC 2543).
const UNIQUE: &[u8] = b"z9hG4bK";

impl Branches {
    /// Remembers a request, and tells of a reply whether it may count: not where its branch is known, but with no
    /// request of its Call-ID and CSeq number. A reply with an unknown branch counts by Call-ID, tags and CSeq, because
    /// a capture may lack the request; so does one with another method, whose branch somebody has made alike.
    pub fn admit(&mut self, captured: &Captured<'_>) -> bool {
        let branch = &*captured.branch;
        if !is_unique(branch) {
            return true;
        }
        let request = Request { call_id: captured.call_id.as_ref().into(), cseq: captured.cseq };
        match captured.start {
            StartLine::Request { .. } => {
                // ACK and CANCEL have the branch of their INVITE.
                let requests = self.seen.entry(branch.into()).or_default();
                if !requests.contains(&request) {
                    requests.push(request);
                }
                true
            }
            StartLine::Reply { .. } => self.seen.get(branch).is_none_or(|requests| requests.contains(&request)),
        }
    }
}

fn is_unique(branch: &[u8]) -> bool {
    branch.len() > UNIQUE.len() && branch[..UNIQUE.len()].eq_ignore_ascii_case(UNIQUE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::read;

    fn admit(branches: &mut Branches, start: &str, via: &str, call_id: &str, cseq: &str) -> bool {
        let message = format!(
            "{start}\r\nVia: {via}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq}\r\n\r\n"
        );
        branches.admit(&read(message.as_bytes()).unwrap())
    }

    #[test]
    fn a_reply_belongs_to_the_request_of_its_branch() {
        let mut branches = Branches::default();
        let via = "SIP/2.0/UDP p1;rport;\r\n branch=z9hG4bK1, SIP/2.0/UDP a;branch=z9hG4bK2";
        assert!(admit(&mut branches, "INVITE sip:c SIP/2.0", via, "x", "1 INVITE"));
        assert!(admit(&mut branches, "CANCEL sip:c SIP/2.0", "SIP/2.0/UDP p1 ; Branch = z9hG4bK1", "x", "1 CANCEL"));
        let mut reply = |via, call_id, cseq| admit(&mut branches, "SIP/2.0 200 OK", via, call_id, cseq);
        assert!(reply(via, "x", "1 INVITE") && reply(via, "x", "1 CANCEL"));
        assert!(!reply(via, "x", "2 INVITE") && !reply(via, "y", "1 INVITE") && !reply(via, "x", "2 UPDATE"));
        assert!(reply(via, "x", "1 UPDATE"));
        // The branch below the topmost is that of another hop.
        assert!(reply("SIP/2.0/UDP a;branch=z9hG4bK2", "x", "2 INVITE"));
    }

    #[test]
    fn a_branch_that_many_requests_share_tells_nothing() {
        let mut branches = Branches::default();
        for via in ["SIP/2.0/UDP a;branch=1", "SIP/2.0/UDP a", "SIP/2.0/UDP a;branch"] {
            assert!(admit(&mut branches, "INVITE sip:c SIP/2.0", via, "x", "1 INVITE"));
            assert!(admit(&mut branches, "SIP/2.0 200 OK", via, "y", "7 INVITE"));
        }
    }
}
