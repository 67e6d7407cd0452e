// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of TS 24.229 5.4.5.1.2: from a dialog, the served user and a reason to the two BYEs, and where each goes.

use crate::cseq::{self, CSeqs};
use crate::dialog::{Dialog, Prepared, Serves, User, Way};
use crate::digits::{EndOfVia, end_of_via};
use crate::error::Error;
use crate::headers;
use crate::message::is_token;
use crate::reason::Reason;
use crate::route;

/// Why the session is released, and how the BYEs shall look.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The Reason header.
    pub reason: Reason<'a>,
    /// Further headers for both BYEs by local policy, each `Name: value`, beside those of the dialog.
    pub headers: &'a [&'a [u8]],
    /// Whether the service-control BYE carries the own entries.
    pub form: Form,
    /// Address a served user whose Contact is a GRUU by that GRUU, as the change request to 5.4.5.1.2 does, even where
    /// a contact address is known.
    pub keep_gruu: bool,
    /// The Via to write; `None` where the host's transaction layer adds it.
    pub via: Option<Via<'a>>,
}

/// How the service-control BYE reaches the host's script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Own Record-Route entries on top: the host sends the BYE to its own socket and its script treats it as any
    /// request of the served user.
    #[default]
    Loop,
    /// Without them: the host calls its routing for requests of the served user directly.
    Bare,
}

/// The transport that a Via names where the host says nothing else.
pub(crate) const UDP: &[u8] = b"UDP";

/// The topmost Via of both BYEs.
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// `None`: [`UDP`].
    pub(crate) transport: Option<&'a [u8]>,
    pub(crate) sent_by: &'a [u8],
    called: EndOfVia,
    calling: EndOfVia,
}

/// What makes a Via branch unique (RFC 3261 8.1.1.7); comes from the caller, as all randomness does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Random, one per process.
    pub prefix: u64,
    /// Not the same again in a process until it wraps.
    pub counter: u32,
}

impl<'a> Via<'a> {
    /// `transport` is a token (`UDP`, `TCP`, `TLS`, ...), `sent_by` a host with an optional port.
    #[inline(always)]
    pub fn new(transport: &'a [u8], sent_by: &'a [u8], called: Branch, calling: Branch) -> Result<Self, Error> {
        let transport = Some(transport).filter(|transport| *transport != UDP);
        if transport.is_some_and(|transport| !is_token(transport))
            || route::host_and_port(sent_by).is_none()
            || called == calling
        {
            return Err(Error::BadVia);
        }
        Ok(Self { transport, sent_by, called: end_of_via(called), calling: end_of_via(calling) })
    }
}

/// How a BYE is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Through internal service control, as if the served user had sent it.
    ServiceControl,
    /// Straight to the user.
    Direct,
}

/// Both BYEs, the called user's first (TS 24.229 generates them in this order; send neither before both are built).
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The BYE for the called user, or why it cannot be built; the other is not touched by that.
    pub called: Result<Leg<'a>, Error>,
    /// The BYE for the calling user.
    pub calling: Result<Leg<'a>, Error>,
}

/// One planned BYE.
#[derive(Clone, Copy, Debug)]
pub struct Leg<'a> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) prepared: Prepared<'a>,
    pub(crate) way: &'a Way,
    pub(crate) to: User,
    pub(crate) delivery: Delivery,
    pub(crate) cseq: u32,
}

/// Plans both BYEs. `random` is asked for 64 random bits only when no CSeq is stored for called to calling.
///
/// An error here is one of the request; errors of a leg are in the plan.
#[inline(always)]
pub fn plan<'a>(
    dialog: &'a Dialog<'a>,
    cseqs: CSeqs,
    request: &'a Request<'a>,
    random: &mut dyn FnMut() -> Result<u64, Error>,
) -> Result<Plan<'a>, Error> {
    if !request.headers.is_empty() {
        check_headers(dialog, request.headers)?;
    }
    let called = match cseqs.to_called {
        Some(stored) => cseq::next(stored),
        None => Err(Error::NoCseq),
    };
    let calling = match cseqs.to_calling {
        Some(stored) => cseq::next(stored),
        None => random().map(cseq::draw),
    };
    Ok(Plan {
        called: called.and_then(|cseq| leg(dialog, User::Called, cseq, request)),
        calling: calling.and_then(|cseq| leg(dialog, User::Calling, cseq, request)),
    })
}

fn check_headers(dialog: &Dialog<'_>, headers: &[&[u8]]) -> Result<(), Error> {
    let of_dialog = dialog.prepared(User::Called).further_and_parties().0;
    for header in headers {
        headers::check(header)?;
        headers::check_distinct_from(header, of_dialog)?;
    }
    headers::check_distinct(headers)
}

#[inline(always)]
fn leg<'a>(dialog: &'a Dialog<'a>, to: User, cseq: u32, request: &'a Request<'a>) -> Result<Leg<'a>, Error> {
    let (delivery, to_served_user) = match (dialog.serves(), to) {
        (Serves::Calling, User::Called) | (Serves::Called, User::Calling) => (Delivery::ServiceControl, false),
        (Serves::Neither, _) => (Delivery::Direct, false),
        (Serves::Calling, User::Calling) | (Serves::Called, User::Called) => (Delivery::Direct, true),
    };
    let prepared = dialog.prepared(to);
    if let Some(fault) = prepared.fault() {
        return Err(fault);
    }
    let way = match delivery {
        Delivery::ServiceControl if request.form == Form::Loop => prepared.with_own(),
        Delivery::Direct if to_served_user && !request.keep_gruu => prepared.registered().unwrap_or(prepared.bare()),
        _ => prepared.bare(),
    };
    Ok(Leg { request, prepared, way, to, delivery, cseq })
}

impl<'a> Leg<'a> {
    /// Where the BYE goes.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Its CSeq number. Once sent it is the stored number of its direction.
    pub fn cseq(&self) -> u32 {
        self.cseq
    }

    /// The user that it ends the session for.
    pub fn to(&self) -> User {
        self.to
    }

    /// The Via to write, and the end of this one.
    #[inline(always)]
    pub(crate) fn via(&self) -> Option<(&'a Via<'a>, &'a EndOfVia)> {
        let via = self.request.via.as_ref()?;
        let end = match self.to {
            User::Called => &via.called,
            User::Calling => &via.calling,
        };
        Some((via, end))
    }
}
