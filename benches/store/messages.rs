// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of a call between the users of benches/pair/input.h, as the proxy sees them.

const INPUT: &str = include_str!("../pair/input.h");

/// A text that input.h defines.
fn input(name: &str) -> &'static str {
    let mut lines = INPUT.lines();
    let value = lines.find_map(|line| line.strip_prefix("#define ")?.strip_prefix(name)?.strip_prefix(' '));
    value.map(|text| text.trim_matches('"')).unwrap_or_else(|| panic!("input.h has no {name}"))
}

/// Entries towards a user, the next hop first.
fn routes(user: &str) -> [&'static str; 3] {
    ["1", "2", "3"].map(|hop| input(&format!("INPUT_{user}_ROUTE_{hop}")))
}

/// Where the proxy is.
pub fn own() -> String {
    format!("{}:{}", input("INPUT_VIA_HOST"), input("INPUT_VIA_PORT"))
}

/// A call. All are alike but for the number in the first octets of their Call-ID.
pub struct Call {
    call_id: String,
}

impl Call {
    /// The call of this number.
    pub fn new(number: u64) -> Self {
        let number = format!("{number:014x}");
        Self { call_id: format!("{number}{}", &input("INPUT_CALL_ID")[number.len()..]) }
    }

    fn message(&self, start: &str, to: &str, (number, method): (u32, &str), more: &str) -> Vec<u8> {
        let cseq = input("INPUT_CSEQ_TO_CALLEE").parse::<u32>().unwrap() + number;
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bK7d1c.{cseq:08x}9a55.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.101:5090;branch=z9hG4bK-{cseq:08x}3848276298\r\nMax-Forwards: 68\r\n\
             From: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n{more}Content-Length: 0\r\n\r\n",
            input("INPUT_CALLER"),
            self.call_id
        );
        text.into_bytes()
    }

    /// The INVITE, with the entries of the proxies before this one.
    pub fn invite(&self) -> Vec<u8> {
        let (to, _) = input("INPUT_CALLEE").split_once(";tag=").unwrap();
        let (contact, path) = (input("INPUT_CALLER_CONTACT"), routes("CALLER").join(", "));
        let more = format!("Contact: <{contact}>\r\nRecord-Route: {path}\r\n");
        self.message(&format!("INVITE {} SIP/2.0", to.trim_matches(['<', '>'])), to, (0, "INVITE"), &more)
    }

    /// Its 2xx, with the entries of all proxies.
    pub fn answer(&self) -> Vec<u8> {
        let mut path = routes("CALLEE");
        path.reverse();
        let more = format!(
            "Contact: <{}>\r\nRecord-Route: {}, <sip:{};lr>, {}\r\n",
            input("INPUT_CALLEE_CONTACT"),
            path.join(", "),
            own(),
            routes("CALLER").join(", ")
        );
        self.message("SIP/2.0 200 OK", input("INPUT_CALLEE"), (0, "INVITE"), &more)
    }

    /// A request of the calling user within the dialog, so many after the INVITE.
    pub fn request(&self, method: &str, number: u32) -> Vec<u8> {
        let start = format!("{method} {} SIP/2.0", input("INPUT_CALLEE_CONTACT"));
        let path = routes("CALLEE").join(", ");
        let more = format!("Route: <sip:{};lr>, {path}\r\n", own());
        self.message(&start, input("INPUT_CALLEE"), (number, method), &more)
    }

    /// The 2xx to it.
    pub fn reply(&self, method: &str, number: u32) -> Vec<u8> {
        self.message("SIP/2.0 200 OK", input("INPUT_CALLEE"), (number, method), "")
    }
}
