// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cutting the Record-Route list of the 2xx at the proxy's own entries into the two route sets
//! (RFC 3261 12.1.1, 12.1.2; TS 24.229 5.4.5.1.2 steps 3 to 6).

use arrayvec::ArrayVec;
use memchr::memchr;

use crate::dialog::Serves;
use crate::error::Error;
use crate::message::name_addr::{self, NameAddr};
use crate::message::uri::{self, Uri};
use crate::message::{alphanumeric_or, list};
use crate::scan;

/// Entries in one list, at most.
pub const MAX_ROUTES: usize = 128;

/// How the proxy knows its own Record-Route entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own<'a> {
    /// By the whole URI. Scheme and host are compared without case, an IPv6 literal as an address, all else byte by
    /// byte.
    Uri(&'a [u8]),
    /// By host, port (5060 where none is given, of a `sips:` entry 5061 too) and, where one is given, a cookie: the
    /// user part, or a URI parameter `name` or `name=value`.
    Host {
        /// Host name or address; an IPv6 literal in brackets.
        host: &'a [u8],
        /// The port, where it matters which.
        port: Option<u16>,
        /// What else the entry must hold; empty: nothing.
        cookie: &'a [u8],
    },
}

impl<'a> Own<'a> {
    /// An entry known by its URI, with or without angle brackets.
    pub fn uri(text: &'a [u8]) -> Result<Self, Error> {
        let cut = text.strip_prefix(b"<").and_then(|t| t.strip_suffix(b">")).unwrap_or(text);
        uri::parse(cut).map(|_| Self::Uri(cut)).ok_or(Error::BadOwn)
    }

    /// Entries known by `host` or `host:port`, and a cookie.
    pub fn host(text: &'a [u8], cookie: &'a [u8]) -> Result<Self, Error> {
        let (host, port) = host_and_port(text).ok_or(Error::BadOwn)?;
        Ok(Self::Host { host, port, cookie })
    }

    /// Whether `entry` is the proxy's own.
    pub fn matches(&self, entry: &Uri<'_>) -> bool {
        // What costs least and differs most comes first.
        match *self {
            Self::Uri(own) => {
                own.ends_with(entry.rest)
                    && uri::parse(own).is_some_and(|own| {
                        Uri { host: entry.host, ..own } == *entry && uri::same_host(own.host, entry.host)
                    })
            }
            Self::Host { host, port, cookie } => {
                same_port(port, entry)
                    && uri::same_host(host, entry.host)
                    && (cookie.is_empty() || entry.user == Some(cookie) || entry.params().any(|p| holds(p, cookie)))
            }
        }
    }
}

/// Where none is given, on either side and whatever the scheme: a proxy that leaves 5060 out, as Kamailio does, leaves
/// it out of a `sips:` entry too.
const PORT: u16 = 5060;
/// What RFC 3261 19.1.2 makes of a `sips:` URI without a port. Another element may mean that, so it counts beside
/// [`PORT`]: an own entry that is not found costs both BYEs.
const SIPS_PORT: u16 = 5061;

/// Whether the entry is at this port.
#[inline]
fn same_port(own: Option<u16>, entry: &Uri<'_>) -> bool {
    let own = own.unwrap_or(PORT);
    own == entry.port.unwrap_or(PORT) || (own == SIPS_PORT && entry.secure && entry.port.is_none())
}

/// Whether the URI parameter is `cookie`: the same text, or only the same name where the cookie has no value.
fn holds(param: &[u8], cookie: &[u8]) -> bool {
    param == cookie || (!cookie.contains(&b'=') && uri::name_of(param) == cookie)
}

static HOST: [bool; 256] = alphanumeric_or(b".-_[]");

/// `host` or `host:port`, an IPv6 literal in brackets.
#[inline]
pub(crate) fn host_and_port(text: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let end = match text.first()? {
        b'[' => memchr(b']', text)? + 1,
        _ => text.iter().position(|b| !HOST[usize::from(*b)]).unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end);
    if host.is_empty() || (host[0] == b'[' && !host.iter().all(|b| HOST[usize::from(*b)] || *b == b':')) {
        return None;
    }
    let port = match rest.split_first() {
        Some((b':', digits)) => Some(uri::decimal_u16(digits)?),
        Some(_) => return None,
        None => None,
    };
    Some((host, port))
}

/// One entry of a list: the whole value as received, and its URI.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub text: &'a [u8],
    /// Lies in the text.
    pub uri: &'a [u8],
    /// `None`: the entry cannot be read. It has its place in the list, and no BYE is written with it.
    pub cut: Option<Uri<'a>>,
}

impl Entry<'_> {
    /// Whether it is a strict router (RFC 3261 12.2.1.1).
    pub fn is_strict(&self) -> bool {
        self.cut.as_ref().is_some_and(|cut| !cut.loose())
    }
}

/// The entries of a list, in order.
pub(crate) type Entries<'a> = ArrayVec<Entry<'a>, MAX_ROUTES>;

/// Where a list of routes comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From the network: an entry that cannot be read is kept as such.
    RecordRoute,
    /// From the host, whose own mistake is refused at once.
    Set,
}

/// Adds the entries of one row. What is not a name-addr with a SIP or SIPS URI cannot be read; behind a quote or
/// bracket that nothing closes, nothing tells where an entry ends, so the rest of the row is one such entry. A row that
/// would break the line it is written on is refused.
pub(crate) fn push_row<'a>(row: &'a [u8], entries: &mut Entries<'a>, origin: Origin) -> Result<(), Error> {
    if let Some(uri) = name_addr::only_uri(row) {
        return push(Entry { text: row, uri, cut: uri::cut(uri) }, entries, origin);
    }
    if scan::breaks_line(row) {
        return Err(origin.fault());
    }
    for element in list::elements(row) {
        let text = element.unwrap_or_default();
        let uri = name_addr::parse(text).filter(|cut| cut.bracketed).map_or(&b""[..], |NameAddr { uri, .. }| uri);
        push(Entry { text, uri, cut: uri::parse(uri) }, entries, origin)?;
    }
    Ok(())
}

impl Origin {
    fn fault(self) -> Error {
        match self {
            Self::RecordRoute => Error::BadRecordRoute,
            Self::Set => Error::BadRoute,
        }
    }
}

#[inline]
fn push<'a>(entry: Entry<'a>, entries: &mut Entries<'a>, origin: Origin) -> Result<(), Error> {
    if entry.cut.is_none() && origin == Origin::Set {
        return Err(origin.fault());
    }
    entries.try_push(entry).map_err(|_| Error::TooLarge)
}

/// Where the list is cut: indices into the entries of the 2xx, first nearest to the called user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// First own entry of the served pass.
    pub first: usize,
    /// Last own entry of the served pass.
    pub last: usize,
}

/// Finds the own entries at which the list is cut.
///
/// Serving the calling user it is the last own entry of the list, serving the called user the first: a cut at another
/// one makes the served user's application servers vanish from the service-control BYE, or puts them into the direct
/// one. Two adjacent entries belong to one pass only where both carry `r2=on` (double Record-Route). Serving neither,
/// it is the whole span of own entries. An entry that cannot be read is nobody's own: the proxy can read what it
/// inserted.
pub(crate) fn cut(entries: &[Entry<'_>], own: &[Own<'_>], serves: Serves) -> Result<Cut, Error> {
    let is_own = |entry: &Entry<'_>| entry.cut.as_ref().is_some_and(|uri| own.iter().any(|o| o.matches(uri)));
    let mut span: Option<Cut> = None;
    for (index, entry) in entries.iter().enumerate() {
        if is_own(entry) {
            span = Some(Cut { first: span.map_or(index, |s| s.first), last: index });
        }
    }
    let span = span.ok_or(Error::NoOwnRoute)?;
    let is_half = |uri: &Uri<'_>| uri.params().any(|p| p == b"r2=on");
    let double = |index: usize| entries.get(index).is_some_and(|e| is_own(e) && e.cut.as_ref().is_some_and(is_half));
    let Cut { first, last } = span;
    Ok(match serves {
        Serves::Calling if last > 0 && double(last - 1) && double(last) => Cut { first: last - 1, last },
        Serves::Calling => Cut { first: last, last },
        Serves::Called if double(first) && double(first + 1) => Cut { first, last: first + 1 },
        Serves::Called => Cut { first, last: first },
        Serves::Neither => span,
    })
}
