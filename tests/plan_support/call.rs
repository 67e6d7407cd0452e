// SPDX-License-Identifier: MIT OR Apache-2.0
//! Base A of the cases as messages, and variations of it.

/// One call: what may differ from base A.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub call_id: &'static str,
    pub to_tag: &'static str,
    /// The Record-Route of the 2xx; empty: none.
    pub record_route: &'static str,
}

pub const BASE: Call = Call {
    call_id: "cb03a0s09a2sdfglkj490333",
    to_tag: "314159",
    record_route: "<sip:pcscf2.visited2.net;lr>, <sip:mt@scscf2.home2.net;lr>, \
        <sip:mo@scscf1.home1.net;lr;did=7a1.3>, <sip:pcscf1.visited1.net:7531;lr>",
};

const CALLING: &str = "<sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp>";
const CALLED: &str = "<sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp>";

impl Call {
    /// A request of the calling user: method, number, further lines.
    pub fn request(&self, method: &str, cseq: u32, lines: &str) -> String {
        let tag = if cseq == 127 && method == "INVITE" { String::new() } else { format!(";tag={}", self.to_tag) };
        self.message(&format!("{method} tel:+1-212-555-2222 SIP/2.0"), "a", &tag, &format!("{cseq} {method}"), lines)
    }

    /// A reply to it.
    pub fn reply(&self, code: u16, method: &str, cseq: u32, lines: &str) -> String {
        let tag = if code == 100 { String::new() } else { format!(";tag={}", self.to_tag) };
        self.message(&format!("SIP/2.0 {code} x"), "a", &tag, &format!("{cseq} {method}"), lines)
    }

    fn message(&self, start: &str, branch: &str, to_tag: &str, cseq: &str, lines: &str) -> String {
        let branch = format!("z9hG4bK{branch}{}-{}", cseq.replace(' ', "-"), self.call_id);
        format!(
            "{start}\r\nVia: SIP/2.0/UDP [5555::aaa:bbb:ccc:ddd]:1357;branch={branch}\r\n\
             From: \"Alice\" <sip:user1_public1@home1.net>;tag=171828\r\nTo: <tel:+1-212-555-2222>{to_tag}\r\n\
             Call-ID: {}\r\nCSeq: {cseq}\r\n{lines}Content-Length: 0\r\n\r\n",
            self.call_id
        )
    }

    /// The same of a request of the called user, or a reply to it.
    pub fn back(message: &str) -> String {
        let swap = |line: &str| match line.split_once(": ") {
            Some(("From", value)) => format!("To: {value}"),
            Some(("To", value)) => format!("From: {value}"),
            _ => line.replace("z9hG4bKa", "z9hG4bKb"),
        };
        message.split("\r\n").map(swap).collect::<Vec<_>>().join("\r\n")
    }

    pub fn invite(&self) -> String {
        let lines = format!("Contact: {CALLING}\r\nRecord-Route: <sip:pcscf1.visited1.net:7531;lr>\r\n");
        self.request("INVITE", 127, &lines)
    }

    pub fn ringing(&self) -> String {
        self.reply(180, "INVITE", 127, &format!("Contact: {CALLED}\r\n"))
    }

    pub fn answer(&self) -> String {
        let route = match self.record_route {
            "" => String::new(),
            list => format!("Record-Route: {list}\r\n"),
        };
        self.reply(200, "INVITE", 127, &format!("Contact: {CALLED}\r\n{route}"))
    }

    pub fn ack(&self) -> String {
        self.request("ACK", 127, "")
    }

    /// INVITE, 180, 200, ACK, UPDATE and its 200: BYE 130 is next to the called user.
    pub fn messages(&self) -> Vec<String> {
        vec![
            self.invite(),
            self.ringing(),
            self.answer(),
            self.ack(),
            self.request("UPDATE", 129, &format!("Contact: {CALLING}\r\n")),
            self.reply(200, "UPDATE", 129, &format!("Contact: {CALLED}\r\n")),
        ]
    }
}
