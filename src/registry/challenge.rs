// SPDX-License-Identifier: MIT OR Apache-2.0
//! A BYE that is answered 401 or 407: the host is asked once for credentials (RFC 3261 22), and what it gives goes with
//! each further BYE to that user. The proxy has none of its own.

use crate::capture::Record;
use crate::cseq::CSeqs;
use crate::dialog::{Scratch, Serves, User};
use crate::error::Error;
use crate::headers;
use crate::message::{Message, unfold};
use crate::pending::{Leg, LegState, Phase, Release};
use crate::reason::Reason;
use crate::release::{self, Form, Request};
use crate::store::{Id, Store};

use super::track::encode;
use super::words::{DETAIL, Detail, leg_to};
use super::{Registry, RegistryError};

/// What a host needs to know to give credentials for a BYE. Its method is `BYE`, and it has no body.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// The dialog.
    pub id: Id,
    /// Who gets the BYE.
    pub to: User,
    /// 401 or 407.
    pub code: u16,
    /// Its Request-URI.
    pub request_uri: &'a [u8],
    /// The rows of WWW-Authenticate and Proxy-Authenticate of the reply, each `Name: value` on one line.
    pub rows: &'a [&'a [u8]],
}

/// What the host does when a BYE is challenged: it puts `Authorization: ...`, `Proxy-Authorization: ...` or both into
/// the text, each with a line end; nothing where it has no credentials.
pub type OnChallenge = Box<dyn Fn(&Challenge<'_>, &mut Vec<u8>) + Send + Sync>;

/// No more than this is kept of the two headers, in octets.
pub const MAX_CREDENTIALS: usize = 2048;

/// Headers that carry them.
const NAMES: [&[u8]; 2] = [b"Authorization", b"Proxy-Authorization"];
/// Headers that ask for them.
const CHALLENGES: [&[u8]; 2] = [b"WWW-Authenticate", b"Proxy-Authenticate"];

/// What came of asking for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// They are kept, for the next BYE.
    Given,
    /// There are none.
    Nothing,
    /// Another process is asking for them.
    Elsewhere,
}

impl<S: Store> Registry<S> {
    /// Has the host asked for credentials for each BYE that is challenged. It is asked once for each user of a release,
    /// while nothing is locked, by whichever process notes the reply.
    #[must_use]
    pub fn with_credentials(self, credentials: OnChallenge) -> Self {
        Self { credentials: Some(credentials), ..self }
    }

    /// Asks for credentials for the BYE to `to` with this CSeq, which this reply has challenged. The first process that
    /// notes it does. One that dies meanwhile leaves a BYE of which nobody has told, see [`Registry::sweep`].
    pub(super) fn ask(
        &self,
        id: Id,
        (to, cseq): (User, u32),
        code: u16,
        reply: &[u8],
        now: u64,
    ) -> Result<Asked, RegistryError> {
        let Some(credentials) = &self.credentials else { return Ok(Asked::Nothing) };
        let release = self.release(id)?;
        let leg = Leg::from_word(self.word(id, leg_to(to))?);
        let detail = Detail::from_word(self.word(id, DETAIL)?);
        let awaited = release.phase == Phase::UnderWay && leg.state == LegState::Waiting && leg.cseq == cseq;
        // What service control refuses is its decision, not the user's challenge.
        let kept_back = release.loops(to, leg) && !detail.service(leg.attempts).sent_on;
        let late = now >= self.deadline_of(release, detail)?;
        if !awaited || kept_back || late || detail.hung_up(to) {
            return Ok(Asked::Nothing);
        }
        match detail.challenged(to) {
            0 => {}
            attempt if attempt == leg.attempts => return Ok(Asked::Elsewhere),
            // They were not right.
            _ => return Ok(Asked::Nothing),
        }
        let rows = challenges(reply);
        let mut bytes = Vec::new();
        let Some((_, record)) = self.load(id, &mut bytes)? else { return Ok(Asked::Nothing) };
        let Some(request_uri) = self.request_uri(&record, release, to, leg) else { return Ok(Asked::Nothing) };
        if rows.is_empty() {
            return Ok(Asked::Nothing);
        }
        let claimed = self.change(id, DETAIL, |word| {
            let detail = Detail::from_word(word);
            (detail.challenged(to) == 0).then(|| detail.with_challenged(to, leg.attempts).to_word())
        })?;
        if !claimed {
            return Ok(Asked::Elsewhere);
        }
        let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        let mut text = Vec::new();
        credentials(&Challenge { id, to, code, request_uri: &request_uri, rows: &rows }, &mut text);
        let Some(lines) = credential_lines(&text) else { return Ok(Asked::Nothing) };
        let kept = self.rewrite(id, |record, next| {
            let mut record = *record;
            match to {
                User::Called => record.credentials.called = &lines,
                User::Calling => record.credentials.calling = &lines,
            }
            encode(&record, next)
        });
        Ok(if self.counted(kept).is_ok() { Asked::Given } else { Asked::Nothing })
    }

    /// The Request-URI that the BYE to `to` has.
    fn request_uri(&self, record: &Record<'_>, release: Release, to: User, leg: Leg) -> Option<Vec<u8>> {
        let mut routed = *record;
        if leg.bypass {
            routed.roles = Serves::Neither.into();
        }
        let own = self.own();
        let mut scratch = Scratch::default();
        let dialog = routed.dialog(&own, &mut scratch).ok()?;
        let form = if release.loops(to, leg) { Form::Loop } else { Form::Bare };
        let reason = Reason::sip(release.cause, b"").ok()?;
        let request = Request { reason, headers: &[], form, keep_gruu: false, via: None };
        // It does not depend on the number.
        let cseqs = CSeqs { to_called: Some(0), to_calling: Some(0) };
        let plan = release::plan(&dialog, cseqs, &request, &mut || Err(Error::NoRandom)).ok()?;
        let planned = if to == User::Called { plan.called } else { plan.calling }.ok()?;
        let mut bye = vec![0; planned.encoded_len()];
        let encoded = planned.encode_into(&mut bye).ok()?;
        Some(bye[encoded.request_uri].to_vec())
    }
}

/// Each challenge of a reply on one line.
fn challenges(reply: &[u8]) -> Vec<Vec<u8>> {
    let Ok(message) = Message::parse(reply) else { return Vec::new() };
    let row = |name: &[u8], value: &[u8]| [name, b": ", &*unfold(value)].concat();
    let named = |written: &[u8]| CHALLENGES.into_iter().find(|name| written.eq_ignore_ascii_case(name));
    message.headers().filter_map(|header| Some(row(named(header.written)?, header.value))).collect()
}

/// The lines of a host, each with a line feed behind it; `None` where they are not at least one and at most one of each
/// header, in good form.
fn credential_lines(text: &[u8]) -> Option<Vec<u8>> {
    let lines = text.strip_suffix(b"\n").unwrap_or(text).split(|b| *b == b'\n');
    let lines: Vec<&[u8]> = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    let named = |line: &&[u8]| NAMES.iter().any(|name| headers::name_of(line).eq_ignore_ascii_case(name));
    let good = lines.iter().all(|line| headers::check(line).is_ok() && named(line));
    let fits = text.len() <= MAX_CREDENTIALS;
    (good && fits && headers::check_distinct(&lines).is_ok()).then(|| lines.join(&b'\n'))
}

/// The further headers of a BYE to `to` with the credentials for it, instead of any that the host adds to all.
pub(super) fn with_credentials<'h>(record: &Record<'h>, to: User, mut headers: Vec<&'h [u8]>) -> Vec<&'h [u8]> {
    let kept = match to {
        User::Called => record.credentials.called,
        User::Calling => record.credentials.calling,
    };
    for line in kept.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        headers.retain(|header| !headers::name_of(header).eq_ignore_ascii_case(headers::name_of(line)));
        headers.push(line);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_two_headers_in_good_form() {
        let long = format!("Authorization: {}", "x".repeat(MAX_CREDENTIALS));
        for (text, expected) in [
            ("Authorization: Digest a=\"b\"", Some("Authorization: Digest a=\"b\"")),
            ("authorization : x\r\nProxy-Authorization: y\r\n", Some("authorization : x\nProxy-Authorization: y")),
            ("Proxy-Authorization: y\n", Some("Proxy-Authorization: y")),
            ("", None),
            ("\r\n", None),
            ("Authorization:", None),
            ("Authorization: x\r\n\r\n", None),
            ("Authorization: x\r\n y", None),
            ("Authorization: x\ry", None),
            ("Authorization: x\0", None),
            ("Authorization: x\r\nRoute: <sip:evil>", None),
            ("Authorization: x\nAuthorization: y", None),
            ("Subject: x", None),
            (&long, None),
        ] {
            let lines = credential_lines(text.as_bytes());
            assert_eq!(lines.as_deref(), expected.map(str::as_bytes), "{text:?}");
        }
    }

    #[test]
    fn every_challenge_of_a_reply_is_on_one_line() {
        let reply = b"SIP/2.0 401 x\r\nwww-authenticate: Digest realm=\"a\",\r\n nonce=\"b\"\r\nAuthorization: no\r\n\
            Proxy-Authenticate: Digest realm=\"c\"\r\nWWW-Authenticate: d\r\n\r\n";
        let rows: Vec<_> = challenges(reply).iter().map(|row| String::from_utf8_lossy(row).into_owned()).collect();
        assert_eq!(
            rows,
            [
                "WWW-Authenticate: Digest realm=\"a\", nonce=\"b\"",
                "Proxy-Authenticate: Digest realm=\"c\"",
                "WWW-Authenticate: d"
            ]
        );
        assert_eq!((challenges(b"").len(), challenges(b"SIP/2.0 401 x\r\n\r\n").len()), (0, 0));
    }
}
