// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a request inside a dialog is on its way to the other user. A user can send one anywhere, itself included, and
//! answer it there: nothing of that is the other user's word.

use crate::dialog::{User, target};
use crate::flow::Flow;
use crate::message::StartLine;
use crate::message::uri::{self, Uri};
use crate::route::{Entries, Entry, Origin, Own, push_row};

use super::Captured;
use super::record::{Party, Record, Stage};

impl Record<'_> {
    /// Whether a request of `sender`, as the proxy has received it, goes to the other user: its Request-URI is that
    /// user's remote target (RFC 3261 12.2.1.1), or will be when a target refresh is answered, and of its Route is left
    /// behind the entries of the proxy what the route set has behind them. `own` tells those.
    ///
    /// Where the target of a dialog cannot be read any will do, and where no entry of the route set is known as the
    /// proxy's own any end of it: no BYE can be built there that would be missed.
    pub fn is_addressed(&self, own: &[Own<'_>], sender: User, request: &Captured<'_>) -> bool {
        let StartLine::Request { uri, .. } = request.start else { return false };
        // Both are large: they are filled where they lie.
        let (mut routes, mut set) = (Entries::new(), Entries::new());
        if !(fill(&mut routes, &request.route) && fill(&mut set, self.record_route)) {
            return false;
        }
        let receiver = match sender {
            User::Calling => {
                set.reverse();
                &self.called
            }
            User::Called => &self.calling,
        };
        let leads = |routes: &[Entry<'_>]| leads(routes, &set, own);
        if self.is_target(receiver, uri) && leads(&routes) {
            return true;
        }
        // A strict router has put the own entry into the Request-URI, and the target behind the routes.
        let at_own = uri::parse(uri).is_some_and(|uri| is_own(&uri, own));
        routes.split_last().is_some_and(|(last, routes)| at_own && self.is_target(receiver, last.uri) && leads(routes))
    }

    fn is_target(&self, receiver: &Party<'_>, uri: &[u8]) -> bool {
        // Without one in an early dialog the 2xx tells it.
        let Some(known) = target_uri(receiver.contact) else { return self.stage == Stage::Confirmed };
        let Some(uri) = uri::parse(uri) else { return false };
        let pending = [receiver.by_invite, receiver.by_update, receiver.by_other];
        let pending = pending.iter().filter_map(|kind| target_uri(kind.pending?.contact));
        // Or what the script has told the other user instead, where it has put the address that the message came from.
        let seen_at = Flow::parse(receiver.flow).and_then(|flow| flow.host_and_port());
        let is_seen = |target: &Uri<'_>| {
            seen_at.is_some_and(|(host, port)| uri::same_target(&Uri { host, port: Some(port), ..*target }, &uri))
        };
        core::iter::once(known).chain(pending).any(|target| uri::same_target(&target, &uri) || is_seen(&target))
    }
}

fn target_uri(contact: &[u8]) -> Option<Uri<'_>> {
    target(contact).and_then(uri::parse)
}

fn fill<'a>(entries: &mut Entries<'a>, rows: &'a [u8]) -> bool {
    rows.split(|b| *b == b'\n').all(|row| push_row(row, entries, Origin::RecordRoute).is_ok())
}

fn is_own(uri: &Uri<'_>, own: &[Own<'_>]) -> bool {
    own.iter().any(|own| own.matches(uri))
}

/// Whether the routes end as the set does behind one of the own entries. A request passes the proxy once for each.
fn leads(routes: &[Entry<'_>], set: &[Entry<'_>], own: &[Own<'_>]) -> bool {
    let is_own = |entry: &Entry<'_>| entry.cut.as_ref().is_some_and(|uri| is_own(uri, own));
    let behind_own = |entries: &[Entry<'_>]| entries.iter().position(|entry| !is_own(entry)).unwrap_or(entries.len());
    let left = &routes[behind_own(routes)..];
    let known = set.iter().any(is_own);
    (0..=set.len()).any(|at| {
        let may_begin = !known || at > 0 && is_own(&set[at - 1]);
        may_begin && same(left, &set[at + behind_own(&set[at..])..])
    })
}

fn same(routes: &[Entry<'_>], set: &[Entry<'_>]) -> bool {
    routes.len() == set.len()
        && routes.iter().zip(set).all(|(route, known)| match (&route.cut, &known.cut) {
            (Some(route), Some(known)) => uri::same_target(route, known),
            (None, None) => route.text == known.text,
            _ => false,
        })
}
