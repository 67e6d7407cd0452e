// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stored information of one dialog, or of an INVITE that has none yet, as it was received; and its bytes in a
//! store. Routes are cut and targets checked when a BYE is built: what cannot be used then names its leg.

use core::ops::BitOr;

use crate::dialog::{Dialog, Fields, MAX_DIALOG, Routes, Scratch, Serves};
use crate::error::Error;
use crate::route::Own;

/// How far the INVITE has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// An INVITE; no reply with a To tag belongs to this record.
    Invite,
    /// An early dialog: a provisional reply with a To tag.
    Early,
    /// A dialog: the 2xx is there.
    Confirmed,
}

/// The users whom the proxy serves in this dialog; two where both are on the same proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    const CALLING: u8 = 1;
    const CALLED: u8 = 2;
    const NEITHER: u8 = 4;

    /// 1 for the calling user, 2 for the called user, 4 for neither, added up.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether the calling user is served.
    pub fn serves_calling(self) -> bool {
        self.0 & Self::CALLING != 0
    }

    /// Whether the called user is.
    pub fn serves_called(self) -> bool {
        self.0 & Self::CALLED != 0
    }

    /// With both users served, the release is that of the calling user's side: the BYE to the called user passes the
    /// called user's service control by ordinary routing, and there is one pair (T10).
    pub fn serves(self) -> Serves {
        match self.0 {
            bits if bits & Self::CALLING != 0 => Serves::Calling,
            bits if bits & Self::CALLED != 0 => Serves::Called,
            _ => Serves::Neither,
        }
    }
}

impl From<Serves> for Roles {
    fn from(serves: Serves) -> Self {
        Self(match serves {
            Serves::Calling => Self::CALLING,
            Serves::Called => Self::CALLED,
            Serves::Neither => Self::NEITHER,
        })
    }
}

impl BitOr for Roles {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What is stored for one user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Party<'a> {
    /// The whole Contact value given last; empty where none can be used.
    pub contact: &'a [u8],
    /// How the message came that gave it, or the last target refresh request: see [`crate::flow::Flow`]; empty where that
    /// was not told.
    pub flow: &'a [u8],
    /// The user's Session-ID UUID; empty where unknown.
    pub session_id: &'a [u8],
    /// Of a served user the URIs by which it is known, divided by blanks; empty where From or To is all that tells.
    pub identities: &'a [u8],
    /// The user has shown that it knows session timers (RFC 4028): only then one binds it.
    pub knows_timers: bool,
    /// This user's INVITEs.
    pub by_invite: Refreshes<'a>,
    /// Its UPDATEs. One of each kind may be under way at a time (RFC 3261 14.1, RFC 3311 5.1).
    pub by_update: Refreshes<'a>,
    /// Its target refresh requests of other usages of the dialog: SUBSCRIBE, NOTIFY, REFER.
    pub by_other: Refreshes<'a>,
}

/// What one kind of request of one user has done to the targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshes<'a> {
    /// CSeq of the last one that a 2xx, or a reliable provisional reply (RFC 6141 4.4), has committed. A 2xx to an
    /// earlier one is a retransmission and must not bring old targets back.
    pub committed: Option<u32>,
    /// A Contact that waits for its 2xx; of the committed CSeq: a reliable provisional reply has committed it already.
    /// Of the committed CSeq and empty: what commits it was seen, and waits for the request that it answers.
    pub pending: Option<Pending<'a>>,
}

/// The Contact of a target refresh request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    /// CSeq of the request.
    pub cseq: u32,
    /// The whole value.
    pub contact: &'a [u8],
}

/// The texts of a Reason header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasonTexts<'a> {
    /// Of the SIP value.
    pub text: &'a [u8],
    /// The Q.850 cause in one octet, and its text behind it; empty for none.
    pub q850: &'a [u8],
}

/// Header lines that answer the challenge of a BYE, divided by line feeds; empty for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// For the BYE to the called user.
    pub called: &'a [u8],
    /// For the BYE to the calling user.
    pub calling: &'a [u8],
}

/// The stored information, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// How far the INVITE has come.
    pub stage: Stage,
    /// Whom the proxy serves.
    pub roles: Roles,
    /// CSeq of the initial INVITE: of the one that got the 2xx.
    pub invite_cseq: u32,
    /// When the 2xx came, in seconds; 0 before it.
    pub answered: u64,
    /// Call-ID.
    pub call_id: &'a [u8],
    /// The From value of the initial INVITE. A later one does not change it (T70).
    pub from: &'a [u8],
    /// The To value of the 2xx; before it, of the INVITE or the provisional reply.
    pub to: &'a [u8],
    pub(super) from_tag: (usize, usize),
    pub(super) to_tag: (usize, usize),
    /// The calling user.
    pub calling: Party<'a>,
    /// The called user.
    pub called: Party<'a>,
    /// The Record-Route rows of the 2xx, divided by line feeds; of an early dialog those of the reply that has made it.
    pub record_route: &'a [u8],
    /// What the Reason of its release says beside the cause. Empty before one, and where it was too much to keep.
    pub reason: ReasonTexts<'a>,
    /// What its BYEs answer to challenges. Empty before one, and after the release.
    pub credentials: Credentials<'a>,
    /// The icid-value of the session, as written (RFC 7315 4.6); empty without one.
    pub icid: &'a [u8],
    /// An emergency or priority call, which no release of many calls ends.
    pub exempt: bool,
    /// The branch of the topmost Via: of the INVITE as it was seen first, of an early dialog that of its reply. Empty
    /// where there is none.
    pub branch: &'a [u8],
}

const VERSION: u8 = 5;
/// Of every record: version, stage, roles, whether there is more, CSeq and time; lengths of the texts, places of the tags.
const TEXTS: usize = 9;
const LENGTHS: usize = 16;
const HEAD: usize = LENGTHS + 2 * (TEXTS + 4);
/// What most records have not, in those that have any of it: numbers of the refreshes, lengths of further texts.
const MORE_TEXTS: usize = REFRESHES + 4;
const MORE: usize = 2 + 4 * 2 * REFRESHES + 2 * MORE_TEXTS;

/// Bits of what a record has beside that: [`More`], the texts of the IMS, the exemption, the flows, and who knows session timers.
const HAS_MORE: u8 = 1;
const HAS_IMS: u8 = 1 << 1;
const EXEMPT: u8 = 1 << 2;
const HAS_FLOWS: u8 = 1 << 3;
const CALLING_KNOWS_TIMERS: u8 = 1 << 4;
const CALLED_KNOWS_TIMERS: u8 = 1 << 5;
const PARTS: u8 = HAS_MORE | HAS_IMS | EXEMPT | HAS_FLOWS | CALLING_KNOWS_TIMERS | CALLED_KNOWS_TIMERS;
/// Identities of both users and the ICID: their lengths.
const IMS_TEXTS: usize = 3;
const IMS: usize = 2 * IMS_TEXTS;
/// Flows of both users: their lengths.
const FLOW_TEXTS: usize = 2;
const FLOWS: usize = 2 * FLOW_TEXTS;

/// Kinds of refresh of both users; of each, one flag bit says that a CSeq is committed, one that a Contact is pending.
const REFRESHES: usize = 6;

impl<'a> Record<'a> {
    /// The calling user's tag; empty for an RFC 2543 peer.
    pub fn from_tag(&self) -> &'a [u8] {
        &self.from[self.from_tag.0..self.from_tag.1]
    }

    /// The called user's tag; empty where there is none.
    pub fn to_tag(&self) -> &'a [u8] {
        &self.to[self.to_tag.0..self.to_tag.1]
    }

    /// The dialog that the BYEs are built from, or why none of them can be.
    pub fn dialog<'s>(&self, own: &[Own<'_>], scratch: &'s mut Scratch) -> Result<Dialog<'s>, Error> {
        let rows: Vec<&[u8]> = self.record_route.split(|b| *b == b'\n').collect();
        self.with_routes(Routes::RecordRoute { rows: &rows, own }, scratch)
    }

    /// The dialog with these routes.
    pub(crate) fn with_routes<'s>(&self, routes: Routes<'_>, scratch: &'s mut Scratch) -> Result<Dialog<'s>, Error> {
        let fields = Fields {
            serves: self.roles.serves(),
            call_id: self.call_id,
            from: self.from,
            to: self.to,
            calling_contact: self.calling.contact,
            called_contact: self.called.contact,
            routes,
            contact_address: b"",
            calling_session_id: self.calling.session_id,
            called_session_id: self.called.session_id,
            headers: &[],
        };
        Dialog::new(&fields, scratch)
    }

    fn texts(&self) -> [&'a [u8]; TEXTS] {
        [
            self.call_id,
            self.from,
            self.to,
            self.calling.contact,
            self.called.contact,
            self.record_route,
            self.calling.session_id,
            self.called.session_id,
            self.branch,
        ]
    }

    fn refreshes(&self) -> [Refreshes<'a>; REFRESHES] {
        let of = |party: &Party<'a>| [party.by_invite, party.by_update, party.by_other];
        let ([a, b, c], [d, e, f]) = (of(&self.calling), of(&self.called));
        [a, b, c, d, e, f]
    }

    fn more_texts(&self) -> [&'a [u8]; MORE_TEXTS] {
        let pending = self.refreshes().map(|kind| kind.pending.map_or(&b""[..], |pending| pending.contact));
        let [a, b, c, d, e, f] = pending;
        let Credentials { called, calling } = self.credentials;
        [a, b, c, d, e, f, self.reason.text, self.reason.q850, called, calling]
    }

    fn ims_texts(&self) -> [&'a [u8]; IMS_TEXTS] {
        [self.calling.identities, self.called.identities, self.icid]
    }

    fn flow_texts(&self) -> [&'a [u8]; FLOW_TEXTS] {
        [self.calling.flow, self.called.flow]
    }

    /// Writes the record into `bytes` (what was there goes away), for a store; `TooLarge` above the limit of a dialog.
    pub fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        bytes.clear();
        let texts = self.texts();
        let more = self.reason != ReasonTexts::default()
            || self.credentials != Credentials::default()
            || self.refreshes() != [Refreshes::default(); REFRESHES];
        let ims_texts = self.ims_texts();
        let ims = ims_texts.iter().any(|text| !text.is_empty());
        let flow_texts = self.flow_texts();
        let flows = flow_texts.iter().any(|text| !text.is_empty());
        let sum = |texts: &[&[u8]]| texts.iter().map(|t| t.len()).sum::<usize>();
        let mut length = HEAD + sum(&texts);
        if more {
            length += MORE + sum(&self.more_texts());
        }
        if ims {
            length += IMS + sum(&ims_texts);
        }
        if flows {
            length += FLOWS + sum(&flow_texts);
        }
        if length > MAX_DIALOG {
            return Err(Error::TooLarge);
        }
        bytes.reserve(length);
        let stage = match self.stage {
            Stage::Invite => 1,
            Stage::Early => 2,
            Stage::Confirmed => 3,
        };
        let mut head = [0; HEAD];
        let bit = |there: bool, bit| if there { bit } else { 0 };
        let parts = bit(more, HAS_MORE)
            | bit(ims, HAS_IMS)
            | bit(self.exempt, EXEMPT)
            | bit(flows, HAS_FLOWS)
            | bit(self.calling.knows_timers, CALLING_KNOWS_TIMERS)
            | bit(self.called.knows_timers, CALLED_KNOWS_TIMERS);
        head[..4].copy_from_slice(&[VERSION, stage, self.roles.0, parts]);
        head[4..8].copy_from_slice(&self.invite_cseq.to_le_bytes());
        head[8..LENGTHS].copy_from_slice(&self.answered.to_le_bytes());
        // All fit 16 bits: the sum is below the limit.
        let tags = [self.from_tag.0, self.from_tag.1, self.to_tag.0, self.to_tag.1];
        put_lengths(&mut head[LENGTHS..], texts.iter().map(|t| t.len()).chain(tags));
        bytes.extend_from_slice(&head);
        if more {
            self.encode_more(bytes);
        }
        let mut few = |texts: &[&[u8]]| {
            let mut lengths = [0; IMS];
            let lengths = &mut lengths[..2 * texts.len()];
            put_lengths(lengths, texts.iter().map(|t| t.len()));
            bytes.extend_from_slice(lengths);
            texts.iter().for_each(|text| bytes.extend_from_slice(text));
        };
        if ims {
            few(&ims_texts);
        }
        if flows {
            few(&flow_texts);
        }
        for text in texts {
            bytes.extend_from_slice(text);
        }
        Ok(())
    }

    fn encode_more(&self, bytes: &mut Vec<u8>) {
        let mut flags = 0_u16;
        let mut head = [0; MORE];
        let numbers = self.refreshes().into_iter().flat_map(|r| [r.committed, r.pending.map(|p| p.cseq)]);
        for ((bit, number), place) in numbers.enumerate().zip(head[2..].chunks_exact_mut(4)) {
            flags |= u16::from(number.is_some()) << bit;
            place.copy_from_slice(&number.unwrap_or_default().to_le_bytes());
        }
        head[..2].copy_from_slice(&flags.to_le_bytes());
        let texts = self.more_texts();
        put_lengths(&mut head[MORE - 2 * MORE_TEXTS..], texts.iter().map(|t| t.len()));
        bytes.extend_from_slice(&head);
        for text in texts {
            bytes.extend_from_slice(text);
        }
    }

    /// Reads what [`Record::encode`] wrote; `None` when the bytes are not that.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (head, behind) = bytes.split_at_checked(HEAD)?;
        let stage = match (head[0], head[1]) {
            (VERSION, 1) => Stage::Invite,
            (VERSION, 2) => Stage::Early,
            (VERSION, 3) => Stage::Confirmed,
            _ => return None,
        };
        let has = |part| head[3] & part != 0;
        if head[3] & !PARTS != 0 {
            return None;
        }
        let (More { refreshes: [a, b, c, d, e, f], reason, credentials }, behind) =
            if has(HAS_MORE) { More::decode(behind)? } else { (More::default(), behind) };
        let (lengths, behind) = behind.split_at_checked(if has(HAS_IMS) { IMS } else { 0 })?;
        let lengths = if has(HAS_IMS) { lengths } else { &[0; IMS] };
        let ([calling_identities, called_identities, icid], behind) = cut(lengths, behind)?;
        let (lengths, behind) = behind.split_at_checked(if has(HAS_FLOWS) { FLOWS } else { 0 })?;
        let lengths = if has(HAS_FLOWS) { lengths } else { &[0; FLOWS] };
        let ([calling_flow, called_flow], behind) = cut(lengths, behind)?;
        let (texts, text): ([&[u8]; TEXTS], _) = cut(&head[LENGTHS..], behind)?;
        if !text.is_empty() {
            return None;
        }
        let [call_id, from, to, calling_contact, called_contact, record_route, calling_id, called_id, branch] = texts;
        let tag = |index: usize, value: &[u8]| {
            let (start, end) = (length_at(&head[LENGTHS..], index), length_at(&head[LENGTHS..], index + 1));
            (start <= end && end <= value.len()).then_some((start, end))
        };
        Some(Self {
            stage,
            roles: Roles(head[2]),
            invite_cseq: u32::from_le_bytes(*head[4..].first_chunk()?),
            answered: u64::from_le_bytes(*head[8..].first_chunk()?),
            call_id,
            from,
            to,
            from_tag: tag(TEXTS, from)?,
            to_tag: tag(TEXTS + 2, to)?,
            calling: Party {
                contact: calling_contact,
                flow: calling_flow,
                session_id: calling_id,
                identities: calling_identities,
                knows_timers: has(CALLING_KNOWS_TIMERS),
                by_invite: a,
                by_update: b,
                by_other: c,
            },
            called: Party {
                contact: called_contact,
                flow: called_flow,
                session_id: called_id,
                identities: called_identities,
                knows_timers: has(CALLED_KNOWS_TIMERS),
                by_invite: d,
                by_update: e,
                by_other: f,
            },
            record_route,
            reason,
            credentials,
            icid,
            exempt: has(EXEMPT),
            branch,
        })
    }
}

/// What most records have not.
#[derive(Default)]
struct More<'a> {
    refreshes: [Refreshes<'a>; REFRESHES],
    reason: ReasonTexts<'a>,
    credentials: Credentials<'a>,
}

impl<'a> More<'a> {
    /// What stands in front of the texts that every record has, and those.
    fn decode(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, text) = bytes.split_at_checked(MORE)?;
        let flags = u16::from_le_bytes([head[0], head[1]]);
        let (texts, text): ([&[u8]; MORE_TEXTS], _) = cut(&head[MORE - 2 * MORE_TEXTS..], text)?;
        let number = |index: usize| {
            let at = 2 + 4 * index;
            let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
            (flags >> index & 1 == 1).then(|| u32::from_le_bytes(bytes))
        };
        let refreshes = core::array::from_fn(|kind| Refreshes {
            committed: number(2 * kind),
            pending: number(2 * kind + 1).map(|cseq| Pending { cseq, contact: texts[kind] }),
        });
        let reason = ReasonTexts { text: texts[REFRESHES], q850: texts[REFRESHES + 1] };
        let credentials = Credentials { called: texts[REFRESHES + 2], calling: texts[REFRESHES + 3] };
        Some((Self { refreshes, reason, credentials }, text))
    }
}

/// The texts of these lengths, and what is behind them.
fn cut<'a, const TEXTS: usize>(lengths: &[u8], mut bytes: &'a [u8]) -> Option<([&'a [u8]; TEXTS], &'a [u8])> {
    let mut texts = [&b""[..]; TEXTS];
    for (index, part) in texts.iter_mut().enumerate() {
        (*part, bytes) = bytes.split_at_checked(length_at(lengths, index))?;
    }
    Some((texts, bytes))
}

fn put_lengths(places: &mut [u8], lengths: impl Iterator<Item = usize>) {
    for (place, length) in places.chunks_exact_mut(2).zip(lengths) {
        place.copy_from_slice(&(length as u16).to_le_bytes());
    }
}

fn length_at(lengths: &[u8], index: usize) -> usize {
    usize::from(u16::from_le_bytes([lengths[2 * index], lengths[2 * index + 1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Record<'static> {
        Record {
            stage: Stage::Confirmed,
            roles: Roles::from(Serves::Calling) | Roles::from(Serves::Called),
            invite_cseq: 127,
            answered: 1 << 33,
            call_id: b"x",
            from: b"<sip:a@b>;tag=1",
            to: b"<sip:c@d>;tag=22",
            from_tag: (14, 15),
            to_tag: (14, 16),
            calling: Party {
                contact: b"<sip:a>",
                flow: b"udp:192.0.2.7:1;local=udp:192.0.2.1:2",
                by_invite: Refreshes { committed: Some(0), pending: None },
                ..Party::default()
            },
            called: Party {
                contact: b"<sip:c>",
                flow: b"",
                session_id: b"id",
                identities: b"sip:c@d tel:+1",
                knows_timers: true,
                by_invite: Refreshes { committed: None, pending: Some(Pending { cseq: 9, contact: b"<sip:n>" }) },
                by_update: Refreshes { committed: Some(8), pending: Some(Pending { cseq: 8, contact: b"" }) },
                by_other: Refreshes { committed: Some(u32::MAX), pending: None },
            },
            record_route: b"<sip:p;lr>\n<sip:o;lr>",
            reason: ReasonTexts { text: b"Gone", q850: b"\x1fNormal" },
            credentials: Credentials { called: b"Authorization: a", calling: b"b" },
            icid: b"\"1\"",
            exempt: true,
            branch: b"z9hG4bK1",
        }
    }

    #[test]
    fn bytes_and_back() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes).unwrap();
        let back = Record::decode(&bytes).unwrap();
        assert_eq!(back, sample());
        assert_eq!((back.from_tag(), back.to_tag()), (&b"1"[..], &b"22"[..]));
        assert_eq!(back.roles.serves(), Serves::Calling);
        // Each user's own.
        let mut caller_knows = sample();
        (caller_knows.calling.knows_timers, caller_knows.called.knows_timers) = (true, false);
        let mut other = Vec::new();
        caller_knows.encode(&mut other).unwrap();
        assert_eq!(Record::decode(&other), Some(caller_knows));
        for end in 0..bytes.len() {
            assert_eq!(Record::decode(&bytes[..end]), None, "{end}");
        }
    }

    #[test]
    fn t67_any_changed_byte_is_refused_or_read_without_a_panic() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                if let Some(record) = Record::decode(&changed) {
                    let _ = (record.from_tag(), record.to_tag(), record.dialog(&[], &mut Scratch::default()).is_ok());
                }
            }
        }
    }

    #[test]
    fn too_large_is_refused() {
        let long = vec![b'x'; MAX_DIALOG];
        let record = Record { record_route: &long, ..sample() };
        assert_eq!(record.encode(&mut Vec::new()), Err(Error::TooLarge));
    }
}
