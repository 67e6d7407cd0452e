// SPDX-License-Identifier: MIT OR Apache-2.0
//! A SIP message as it was on the wire, split just as far as the tests ask. Not the library's splitter on purpose: what
//! is under test does not judge itself.

/// One message, its bytes untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// Takes the bytes of one datagram.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into() }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes as text, for logs.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The first line.
    pub fn start_line(&self) -> String {
        self.text().lines().next().unwrap_or_default().to_owned()
    }

    /// The method of a request.
    pub fn method(&self) -> Option<String> {
        let line = self.start_line();
        let mut words = line.split(' ');
        let method = words.next()?;
        (line.ends_with(" SIP/2.0") && words.next().is_some()).then(|| method.to_owned())
    }

    /// The Request-URI of a request.
    pub fn request_uri(&self) -> Option<String> {
        self.method()?;
        self.start_line().split(' ').nth(1).map(str::to_owned)
    }

    /// The status code of a response.
    pub fn status(&self) -> Option<u16> {
        self.start_line().strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// All values of a header, in order, whole lines without the blanks around them; compact forms count.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let compact = match name {
            "From" => "f",
            "To" => "t",
            "Call-ID" => "i",
            "Via" => "v",
            "Contact" => "m",
            _ => name,
        };
        let text = self.text();
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        head.split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(found, _)| {
                let found = found.trim_end();
                found.eq_ignore_ascii_case(name) || found.eq_ignore_ascii_case(compact)
            })
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    }

    /// The only value of a header; empty when it is absent.
    pub fn header(&self, name: &str) -> String {
        self.headers(name).into_iter().next().unwrap_or_default()
    }

    /// Call-ID.
    pub fn call_id(&self) -> String {
        self.header("Call-ID")
    }

    /// Number and method of the CSeq header.
    pub fn cseq(&self) -> (u64, String) {
        let value = self.header("CSeq");
        let mut words = value.split_whitespace();
        let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(u64::MAX);
        (number, words.next().unwrap_or_default().to_owned())
    }

    /// True for a request of this method.
    pub fn is(&self, method: &str) -> bool {
        self.method().as_deref() == Some(method)
    }

    /// True for a response to this method with this code.
    pub fn answers(&self, method: &str, code: u16) -> bool {
        self.status() == Some(code) && self.cseq().1 == method
    }

    /// The branch of the topmost Via, which names the transaction.
    pub fn branch(&self) -> String {
        let via = self.header("Via");
        let after = via.split(";branch=").nth(1).unwrap_or_default();
        after.split([';', ',', ' ']).next().unwrap_or_default().to_owned()
    }
}

/// The URI of a Contact, Route or Record-Route value: what is inside the brackets, else all before the first parameter.
pub fn uri_of(value: &str) -> &str {
    let mut quoted = false;
    let mut escaped = false;
    for (index, character) in value.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => {
                let inside = &value[index + 1..];
                return inside.split('>').next().unwrap_or(inside);
            }
            _ => {}
        }
    }
    value.split(';').next().unwrap_or(value).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYE: &str = "BYE sip:bob@h SIP/2.0\r\nVia: SIP/2.0/UDP a:1;branch=z9hG4bKx;rport\r\nf : \"a\" <sip:a@b> ; tag=1 \r\nTo: <sip:b@c>\r\nCSeq: 7 BYE\r\n\r\n";

    #[test]
    fn headers_keep_their_bytes() {
        let message = Message::new(BYE);
        assert_eq!(message.header("From"), "\"a\" <sip:a@b> ; tag=1");
        assert_eq!(message.cseq(), (7, "BYE".to_owned()));
        assert_eq!(message.branch(), "z9hG4bKx");
        assert_eq!(message.request_uri().as_deref(), Some("sip:bob@h"));
        assert_eq!(message.status(), None);
    }

    #[test]
    fn a_bracket_in_quotes_opens_no_uri() {
        assert_eq!(uri_of(r#""a <b" <sip:c@d;x=1>;y=2"#), "sip:c@d;x=1");
        assert_eq!(uri_of("sip:c@d;x=1"), "sip:c@d");
    }
}
