// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whom the proxy serves, by name, and to which multimedia session a dialog belongs: what the P-headers of an INVITE
//! say of it (RFC 3325, RFC 5502, RFC 7315).
//!
//! They are true where the border of the trust domain has removed what a user agent has written itself, and written
//! its own: a P-CSCF does (TS 24.229 5.2.6.3). From and To are always the user agent's.

use memchr::{memchr, memchr2};

use crate::message::{StartLine, list, name_addr, quoted_end, trim, uri};

use super::read::Captured;
use super::record::{Record, Roles};

/// Octets of the identities of one user that are kept, at most.
pub const MAX_IDENTITIES: usize = 512;
/// Octets of an ICID that are kept, at most.
const MAX_ICID: usize = 256;

/// The identities of the served users, each list of URIs divided by blanks. Empty where From or To is all that is
/// known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    pub(super) calling: Vec<u8>,
    pub(super) called: Vec<u8>,
    /// By the host, which knows better than any message.
    pub(super) given: bool,
}

/// Those of nobody.
pub static NONE: Identities = Identities { calling: Vec::new(), called: Vec::new(), given: false };

impl Identities {
    /// Those that the host gives for the served users of an INVITE: one identity, a URI or a name-addr, or a list as
    /// in P-Asserted-Identity. `None` where one is no such thing, or they are too long.
    pub fn given(text: &[u8], roles: Roles) -> Option<Self> {
        let mut all = Vec::new();
        for element in list::elements(text) {
            let uri = identity(element.ok()?)?;
            add(&mut all, uri).then_some(())?;
        }
        let of = |served: bool| if served { all.clone() } else { Vec::new() };
        (!all.is_empty()).then(|| Self {
            calling: of(roles.serves_calling()),
            called: of(roles.serves_called()),
            given: true,
        })
    }

    /// Those that an initial INVITE tells, where TS 24.229 5.4.3.2 and 5.4.3.3 look for them: P-Served-User, if its
    /// session case is that of this pass; else of a calling user all values of P-Asserted-Identity, of a called user
    /// the Request-URI. What is no identity, or too long to keep, is left out.
    pub fn told(invite: &Captured<'_>, roles: Roles) -> Self {
        let mut told = Self::default();
        if roles.serves_calling() && !add_served_user(&mut told.calling, &invite.served_user, b"orig") {
            for row in invite.asserted_identity.split(|b| *b == b'\n') {
                for uri in list::elements(row).flatten().filter_map(identity) {
                    add(&mut told.calling, uri);
                }
            }
        }
        if roles.serves_called()
            && !add_served_user(&mut told.called, &invite.served_user, b"term")
            && let StartLine::Request { uri, .. } = invite.start
            && is_uri(uri)
        {
            add(&mut told.called, uri);
        }
        told
    }
}

fn add(all: &mut Vec<u8>, uri: &[u8]) -> bool {
    let fits = all.len() + 1 + uri.len() <= MAX_IDENTITIES;
    if fits {
        if !all.is_empty() {
            all.push(b' ');
        }
        all.extend_from_slice(uri);
    }
    fits
}

/// RFC 5502 and RFC 8498: without a session case it is that of the pass.
fn add_served_user(all: &mut Vec<u8>, value: &[u8], session_case: &[u8]) -> bool {
    let Some(cut) = name_addr::parse(value) else { return false };
    let of_other_case = cut.params().flatten().any(|param| {
        param.name.eq_ignore_ascii_case(b"sescase")
            && !param.value.is_some_and(|value| value.eq_ignore_ascii_case(session_case))
    });
    !of_other_case && is_uri(cut.uri) && add(all, cut.uri)
}

/// The URI of an identity: a URI alone, which keeps its parameters, or that of a name-addr.
fn identity(text: &[u8]) -> Option<&[u8]> {
    let text = trim(text);
    let uri = if is_uri(text) { text } else { name_addr::parse(text)?.uri };
    is_uri(uri).then_some(uri)
}

/// Whether it has a scheme and what that asks for, a host or a number, and is a URI alone: what no dialog can match would
/// pass for one that is not there.
pub fn is_uri(uri: &[u8]) -> bool {
    let Some(colon) = memchr(b':', uri) else { return false };
    let (scheme, rest) = (&uri[..colon], &uri[colon + 1..]);
    let odd = |b: &u8| matches!(b, 0..=b' ' | b'<' | b'>' | b'"' | 0x7f);
    let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    let is_whole = match number(uri) {
        Some((digits, _)) => !digits.is_empty(),
        None if [&b"sip"[..], b"sips"].iter().any(|sip| scheme.eq_ignore_ascii_case(sip)) => uri::cut(uri).is_some(),
        None => !rest.is_empty(),
    };
    is_scheme && is_whole && !uri.iter().any(odd)
}

/// Whether two URIs name one user: user part and host of SIP, the number of tel, of another scheme the whole URI.
/// What is written in two ways is compared by what it means (RFC 3261 19.1.4, RFC 3966 4).
pub fn same_user(one: &[u8], other: &[u8]) -> bool {
    match (uri::cut(one), uri::cut(other)) {
        (Some(one), Some(other)) => uri::same_user(one.user, other.user) && uri::same_host(one.host, other.host),
        (None, None) => match (number(one), number(other)) {
            (Some(one), Some(other)) => one == other,
            _ => one == other,
        },
        _ => false,
    }
}

/// What is meant, see [`uri::unescaped`].
type Octets = Vec<(u8, bool)>;

/// The number of a tel URI without its visual separators (RFC 3966 5), and its parameters in any order.
fn number(uri: &[u8]) -> Option<(Vec<u8>, Vec<Octets>)> {
    let (scheme, rest) = uri.split_at_checked(4)?;
    if !scheme.eq_ignore_ascii_case(b"tel:") {
        return None;
    }
    let mut parts = rest.split(|b| *b == b';');
    let separator = |b: &u8| matches!(b, b'-' | b'.' | b'(' | b')');
    let number = parts.next()?.iter().filter(|b| !separator(b)).map(u8::to_ascii_lowercase).collect();
    let meant = |part| uri::unescaped(part).map(|(octet, plain)| (octet.to_ascii_lowercase(), plain)).collect();
    let mut parameters = parts.map(meant).collect::<Vec<_>>();
    parameters.sort_unstable();
    Some((number, parameters))
}

impl Record<'_> {
    /// Whether the proxy serves the user of this URI in this dialog: by the identities that are stored, where there are
    /// none by From or To.
    pub fn is_of_user(&self, wanted: &[u8]) -> bool {
        let is = |served: bool, identities: &[u8], value: &[u8]| {
            served
                && match identities {
                    b"" => name_addr::parse(value).is_some_and(|value| same_user(value.uri, wanted)),
                    all => all.split(|b| *b == b' ').any(|identity| same_user(identity, wanted)),
                }
        };
        is(self.roles.serves_calling(), self.calling.identities, self.from)
            || is(self.roles.serves_called(), self.called.identities, self.to)
    }

    /// Whether the dialog is of the multimedia session with this ICID.
    pub fn is_of_session(&self, icid: &[u8]) -> bool {
        !self.icid.is_empty() && same_icid(self.icid, icid)
    }
}

/// Whether both mean one ICID, which may be written as a token or as a quoted string.
pub fn same_icid(one: &[u8], other: &[u8]) -> bool {
    unquoted(one) == unquoted(other)
}

/// The icid-value of a P-Charging-Vector, as written; empty without one that can stand in a BYE.
pub fn icid(value: &[u8]) -> &[u8] {
    let mut rest = value;
    while !rest.is_empty() {
        let Some(end) = parameter_end(rest) else { return b"" };
        let parameter = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        let Some(equal) = memchr(b'=', parameter) else { continue };
        if trim(&parameter[..equal]).eq_ignore_ascii_case(b"icid-value") {
            let icid = trim(&parameter[equal + 1..]);
            return if is_icid(icid) { icid } else { b"" };
        }
    }
    b""
}

/// Whether it is a gen-value (RFC 3261 25.1): a token or a host, or a quoted string.
pub fn is_icid(icid: &[u8]) -> bool {
    let quoted = icid.len() > 2 && icid[0] == b'"' && quoted_end(icid, 0) == Some(icid.len());
    let bare = |b: &u8| !matches!(b, 0..=b' ' | b'"' | b',' | b';' | b'=' | b'<' | b'>' | b'\\' | 0x7f);
    let control = |b: &u8| matches!(b, 0..b' ' | 0x7f);
    !icid.is_empty() && icid.len() <= MAX_ICID && if quoted { !icid.iter().any(control) } else { icid.iter().all(bare) }
}

fn parameter_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = memchr2(b';', b'"', &text[at..]) {
        at += found;
        if text[at] == b';' {
            return Some(at);
        }
        at = quoted_end(text, at)?;
    }
    Some(text.len())
}

/// What is meant by a token or a quoted string.
fn unquoted(value: &[u8]) -> Vec<u8> {
    let [b'"', inner @ .., b'"'] = value else { return value.to_vec() };
    let mut escaped = false;
    inner
        .iter()
        .copied()
        .filter(|b| {
            let escape = *b == b'\\' && !escaped;
            escaped = escape;
            !escape
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::read;
    use crate::dialog::Serves;

    const CALLING: Serves = Serves::Calling;
    const CALLED: Serves = Serves::Called;

    fn told(serves: Serves, uri: &str, headers: &str) -> String {
        let invite = format!(
            "INVITE {uri} SIP/2.0\r\nFrom: <sip:evil@ue>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\
             {headers}\r\n"
        );
        let told = Identities::told(&read(invite.as_bytes()).unwrap(), serves.into());
        let all = if serves == CALLING { told.calling } else { told.called };
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn who_is_served() {
        let asserted = "P-Asserted-Identity: \"A, B\" <sip:a@h;x=y>, <tel:+1-2>\r\np-asserted-identity: sip:c@h\r\n";
        for (serves, headers, expected) in [
            (CALLING, "", ""),
            (CALLING, asserted, "sip:a@h;x=y tel:+1-2 sip:c@h"),
            (CALLED, asserted, "sip:r@h"),
            (CALLING, "P-Served-User: <sip:s@h>;sescase=ORIG;regstate=reg\r\n", "sip:s@h"),
            (CALLED, "P-Served-User: <sip:s@h>;sescase=term\r\n", "sip:s@h"),
            (CALLED, "P-Served-User: <sip:s@h>;sescase=orig\r\n", "sip:r@h"),
            (CALLING, "P-Served-User: <sip:s@h>;orig-cdiv\r\n", "sip:s@h"),
            (CALLING, "P-Served-User: <sip:s@h>;sescase\r\nP-Asserted-Identity: <sip:a@h>\r\n", "sip:a@h"),
            // Of a bad value nothing is taken, and the rest is.
            (CALLING, "P-Asserted-Identity: <sip:a@h\r\nP-Asserted-Identity: anonymous, <sip:b@h>\r\n", "sip:b@h"),
            (CALLING, "P-Asserted-Identity: <sip:a\0@h>\r\n", ""),
            (Serves::Neither, asserted, ""),
        ] {
            assert_eq!(told(serves, "sip:r@h", headers), expected, "{headers}");
        }
        let long = format!("P-Asserted-Identity: <sip:{}@h>, <sip:b@h>\r\n", "a".repeat(MAX_IDENTITIES));
        assert_eq!(told(CALLING, "sip:r@h", &long), "sip:b@h");
    }

    #[test]
    fn what_a_host_gives() {
        for good in [&b"sip:a@h;user=phone"[..], b"\"A\" <sip:a@h;user=phone>;x", b" <sip:a@h;user=phone> , "] {
            let identities = Identities::given(good, CALLED.into()).unwrap();
            assert_eq!((&*identities.called, &*identities.calling), (&b"sip:a@h;user=phone"[..], &b""[..]));
        }
        let long = [&b"sip:"[..], &[b'a'; MAX_IDENTITIES]].concat();
        for bad in [&b""[..], b"alice", b"<sip:a@h", b"<null>", b"sip:a@h x", b"sip:a@h,bob", b"<>", &long, b": "] {
            assert_eq!(Identities::given(bad, CALLING.into()), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn what_is_a_uri() {
        for uri in ["sip:a@h", "SIPS:h:5061;x", "sip:[::1]", "tel:+1-2", "urn:x:a"] {
            assert!(is_uri(uri.as_bytes()), "{uri}");
        }
        for uri in
            ["", ":", "sip", "sip:", "sip:@", "sip:@h", "sip:a@", "sips:", "sip:a@h:x", "tel:", "tel:-;a=b", "urn:"]
        {
            assert!(!is_uri(uri.as_bytes()), "{uri}");
        }
    }

    #[test]
    fn users_are_compared() {
        for (one, other, same) in [
            ("sip:a@H:5060", "SIPS:a@h;x=y", true),
            ("sip:A@h", "sip:a@h", false),
            ("sip:a@h", "sip:h", false),
            ("sip:%61lice@h", "sip:alice@h", true),
            ("sip:alice@[2001:db8::1]", "sip:%61lice@[2001:DB8:0:0::1]", true),
            ("sip:+1@h", "sip:%2b1@h", false),
            ("tel:7042;a=b;phone-context=%61", "tel:7042;phone-context=A;a=b", true),
            ("tel:7042;a=b", "tel:7042;a=b;a=b", false),
            ("tel:+1-212-555.2222", "TEL:+1(212)5552222", true),
            ("tel:+1212;phone-context=A.b", "tel:+1212;phone-context=a.b", true),
            ("tel:7042;phone-context=a", "tel:7042;phone-context=b", false),
            ("tel:+1", "sip:+1@h", false),
            ("urn:x:a", "urn:x:a", true),
            ("urn:x:a", "urn:x:A", false),
        ] {
            assert_eq!(same_user(one.as_bytes(), other.as_bytes()), same, "{one} {other}");
        }
    }

    #[test]
    fn t49_the_icid() {
        for (value, expected) in [
            ("icid-value=1234bc9876e;icid-generated-at=192.0.6.8;orig-ioi=home1.net", "1234bc9876e"),
            ("orig-ioi=\"a;icid-value=9\" ; ICID-Value = \"a;b\\\"\" ; x", "\"a;b\\\"\""),
            ("icid-value=[2001:db8::1]", "[2001:db8::1]"),
            ("icid-value", ""),
            ("icid-value=", ""),
            ("icid-value=\"\"", ""),
            ("icid-value=a b", ""),
            ("icid-value=\"a", ""),
            ("icid-value=a,icid-value=b", ""),
            ("icid-value=a\"b\"", ""),
        ] {
            assert_eq!(icid(value.as_bytes()), expected.as_bytes(), "{value}");
        }
        assert_eq!(icid(format!("icid-value={}", "a".repeat(MAX_ICID + 1)).as_bytes()), b"");
        assert_eq!(unquoted(br#""a\"b\\""#), br#"a"b\"#);
        assert_eq!(unquoted(b"\"a\""), unquoted(b"a"));
    }
}
