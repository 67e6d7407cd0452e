// SPDX-License-Identifier: MIT OR Apache-2.0
//! Judges a release by what both ends received, what was on the wire and what the script logged. What is expected is
//! taken from what the users themselves sent, never from what the library stored.

use std::net::SocketAddr;
use std::time::Duration;

use crate::call::{Call, Serves};
use crate::dump::Packet;
use crate::host::{Host, Result};
use crate::message::{Message, uri_of};
use crate::process::wait_until;

/// One statement about a release.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was looked at.
    pub name: &'static str,
    /// Whether it is as it must be.
    pub good: bool,
    /// What was seen, and what was expected where that differs.
    pub seen: String,
}

/// Whom a BYE is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// The called user.
    Called,
    /// The calling user.
    Calling,
}

/// What a BYE for one user must say.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Its contact.
    pub request_uri: String,
    /// Whole value.
    pub from: String,
    /// Whole value.
    pub to: String,
    /// Whole value.
    pub call_id: String,
    /// The number; None when any number below 2^31 will do.
    pub cseq: Option<u64>,
    /// Route where the user receives it.
    pub route: Vec<String>,
    /// Route on the way through the proxy's own socket.
    pub looped_route: Vec<String>,
}

/// The entries of a list header, each without the blanks around it; commas inside quotes and brackets do not count.
pub fn entries(values: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for value in values {
        let (mut quoted, mut bracketed, mut start) = (false, false, 0);
        for (index, byte) in value.bytes().enumerate() {
            match byte {
                b'"' => quoted = !quoted,
                b'<' if !quoted => bracketed = true,
                b'>' if !quoted => bracketed = false,
                b',' if !quoted && !bracketed => {
                    found.push(value[start..index].trim().to_owned());
                    start = index + 1;
                }
                _ => {}
            }
        }
        found.push(value[start..].trim().to_owned());
    }
    found
}

fn is_own(host: &dyn Host, entry: &str) -> bool {
    let own = |address: SocketAddr| uri_of(entry).contains(&address.to_string());
    own(host.address()) || own(host.address_towards_called())
}

/// The messages of one call.
pub struct Evidence {
    /// What the calling user sent and received.
    pub calling_sent: Vec<Message>,
    /// What the calling user received.
    pub calling_received: Vec<Message>,
    /// What the called user sent.
    pub called_sent: Vec<Message>,
    /// What the called user received.
    pub called_received: Vec<Message>,
}

impl Evidence {
    /// Takes what belongs to this Call-ID from both traces.
    pub fn of(call: &Call, call_id: &str) -> Self {
        let only = |messages: Vec<Message>| messages.into_iter().filter(|one| one.call_id() == call_id).collect();
        Self {
            calling_sent: only(call.calling.sent()),
            calling_received: only(call.calling.received()),
            called_sent: only(call.called.sent()),
            called_received: only(call.called.received()),
        }
    }

    /// The BYEs that a user received, retransmissions included.
    pub fn byes(&self, leg: Leg) -> Vec<&Message> {
        let received = match leg {
            Leg::Called => &self.called_received,
            Leg::Calling => &self.calling_received,
        };
        received.iter().filter(|one| one.is("BYE")).collect()
    }

    /// What the BYE for this user must say.
    pub fn expected(&self, host: &dyn Host, leg: Leg) -> Result<Expected> {
        let invite = self.calling_sent.first().ok_or("no INVITE")?;
        let number = invite.cseq().0;
        let answer = self
            .calling_received
            .iter()
            .find(|one| one.answers("INVITE", 200) && one.cseq().0 == number)
            .ok_or("no 200 of the INVITE")?;
        let (receiver, sender) = match leg {
            Leg::Called => (&self.called_sent, &self.calling_sent),
            Leg::Calling => (&self.calling_sent, &self.called_sent),
        };
        let contact = receiver
            .iter()
            .filter(|one| {
                matches!(one.cseq().1.as_str(), "INVITE" | "UPDATE") && one.status().is_none_or(|code| code / 100 == 2)
            })
            .flat_map(|one| one.headers("Contact"))
            .next_back()
            .ok_or("no Contact")?;
        let highest = sender.iter().filter(|one| one.method().is_some()).map(|one| one.cseq().0).max();
        let list = entries(&answer.headers("Record-Route"));
        let own: Vec<bool> = list.iter().map(|entry| is_own(host, entry)).collect();
        let first_own = own.iter().position(|own| *own).ok_or("no own Record-Route entry")?;
        let last_own = own.iter().rposition(|own| *own).ok_or("no own Record-Route entry")?;
        // The list runs from the called user to the calling one; the route set of the calling user is its reverse.
        let (route, looped_route) = match leg {
            Leg::Called => {
                let to_called = |end: usize| list[..end].iter().rev().cloned().collect();
                (to_called(first_own), to_called(last_own + 1))
            }
            Leg::Calling => (list[last_own + 1..].to_vec(), list[first_own..].to_vec()),
        };
        let (calling, called) = (invite.header("From"), answer.header("To"));
        let (from, to) = if leg == Leg::Called { (calling, called) } else { (called, calling) };
        Ok(Expected {
            request_uri: uri_of(&contact).to_owned(),
            from,
            to,
            call_id: invite.call_id(),
            cseq: highest.map(|number| number + 1),
            route,
            looped_route,
        })
    }
}

fn tag(value: &str) -> Option<String> {
    let after = value.rfind('>').map_or(value, |end| &value[end + 1..]);
    // A quoted parameter value may hold a bracket: then look at all that follows the first address.
    let whole = value.find("<sip:").map_or(value, |start| &value[start..]);
    [after, whole].into_iter().find_map(|text| {
        text.split(';').skip(1).find_map(|part| {
            let (name, tag) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("tag").then(|| tag.trim().to_owned())
        })
    })
}

/// Shows a BYE to the two independent parsers: they must accept it and read what is expected.
fn shown_to_oracle(bye: &Message, expected: &Expected, routes: &[String]) -> std::result::Result<(), String> {
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    let number = u32::try_from(bye.cseq().0).map_err(|error| error.to_string())?;
    let (from_tag, to_tag) = (tag(&expected.from), tag(&expected.to));
    let wanted = oracle::Expected {
        request_uri: &expected.request_uri,
        call_id: &expected.call_id,
        from_tag: from_tag.as_deref(),
        to_tag: to_tag.as_deref(),
        cseq: number,
        routes: &routes,
    };
    std::panic::catch_unwind(|| oracle::check(bye.bytes(), &wanted)).map_err(|panic| {
        panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "the parsers disagree".to_owned())
    })
}

/// All statements about one release.
pub struct Judge<'a> {
    host: &'a dyn Host,
    call_id: String,
    evidence: Evidence,
    wire: Vec<Packet>,
    /// The statements so far.
    pub verdicts: Vec<Verdict>,
}

impl<'a> Judge<'a> {
    /// Collects the evidence.
    pub fn new(host: &'a dyn Host, call: &Call, call_id: &str) -> Self {
        let wire = host.wire().into_iter().filter(|packet| packet.message.call_id() == call_id).collect();
        Self { host, call_id: call_id.to_owned(), evidence: Evidence::of(call, call_id), wire, verdicts: Vec::new() }
    }

    /// The messages of the call.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The datagrams of the call at the proxy.
    pub fn wire(&self) -> &[Packet] {
        &self.wire
    }

    fn say(&mut self, name: &'static str, good: bool, seen: impl Into<String>) {
        self.verdicts.push(Verdict { name, good, seen: seen.into() });
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, name: &'static str, seen: &T, expected: &T) {
        let good = seen == expected;
        let text = if good { format!("{seen:?}") } else { format!("{seen:?}, expected {expected:?}") };
        self.say(name, good, text);
    }

    /// One BYE at the user that it is for.
    pub fn bye(&mut self, leg: Leg, looped: bool, reason: &str) {
        let name = |called: &'static str, calling: &'static str| if leg == Leg::Called { called } else { calling };
        let expected = match self.evidence.expected(self.host, leg) {
            Ok(expected) => expected,
            Err(error) => return self.say(name("called: the call", "calling: the call"), false, error),
        };
        let byes: Vec<Message> = self.evidence.byes(leg).into_iter().cloned().collect();
        self.same(name("called: one BYE", "calling: one BYE"), &byes.len(), &1);
        let Some(bye) = byes.first() else { return };
        self.same(
            name("called: Request-URI", "calling: Request-URI"),
            &bye.request_uri().unwrap_or_default(),
            &expected.request_uri,
        );
        self.same(name("called: From", "calling: From"), &bye.header("From"), &expected.from);
        self.same(name("called: To", "calling: To"), &bye.header("To"), &expected.to);
        self.same(name("called: Call-ID", "calling: Call-ID"), &bye.header("Call-ID"), &expected.call_id);
        let (number, method) = bye.cseq();
        let random = expected.cseq.is_none() && (1..1 << 31).contains(&number);
        let text = match expected.cseq {
            Some(_) => format!("{number} {method}"),
            None => format!("{number} {method} (random)"),
        };
        let wanted = expected.cseq.map_or_else(|| "a random one".to_owned(), |number| number.to_string());
        let good = method == "BYE" && (random || expected.cseq == Some(number));
        self.say(
            name("called: CSeq", "calling: CSeq"),
            good,
            if good { text } else { format!("{text}, expected {wanted}") },
        );
        self.same(name("called: Route", "calling: Route"), &entries(&bye.headers("Route")), &expected.route);
        self.same(name("called: Reason", "calling: Reason"), &bye.headers("Reason"), &vec![reason.to_owned()]);
        let hops = if looped { "69" } else { "70" };
        self.same(
            name("called: Max-Forwards", "calling: Max-Forwards"),
            &bye.headers("Max-Forwards"),
            &vec![hops.to_owned()],
        );
        self.same(
            name("called: Content-Length", "calling: Content-Length"),
            &bye.headers("Content-Length"),
            &vec!["0".to_owned()],
        );
        self.same(name("called: no Contact", "calling: no Contact"), &bye.headers("Contact"), &Vec::new());
        let shown = shown_to_oracle(bye, &expected, &expected.route);
        self.say(
            name("called: sofia-sip and libosip2 agree", "calling: sofia-sip and libosip2 agree"),
            shown.is_ok(),
            shown.err().unwrap_or_else(|| "both read the same".to_owned()),
        );
        let vias = bye.headers("Via").len();
        self.same(name("called: Vias", "calling: Vias"), &vias, &if looped { 2 } else { 1 });
    }

    /// How a BYE went: through request_route once over the own socket, or straight to its user.
    pub fn delivery(&mut self, leg: Leg, looped: bool) {
        let name = |called: &'static str, calling: &'static str| if leg == Leg::Called { called } else { calling };
        let Ok(expected) = self.evidence.expected(self.host, leg) else { return };
        let passes: Vec<_> = self
            .host
            .lines_of("bye", &self.call_id)
            .into_iter()
            .filter(|line| line.get("ruri") == expected.request_uri)
            .collect();
        let mut on_the_loop: Vec<Message> = self
            .wire
            .iter()
            .filter(|packet| packet.looped() && packet.sent && packet.message.is("BYE"))
            .map(|packet| packet.message.clone())
            .filter(|bye| bye.request_uri().as_deref() == Some(&expected.request_uri))
            .collect();
        // Retransmissions carry the branch of the first.
        on_the_loop.dedup_by_key(|bye| bye.branch());
        if !looped {
            self.same(
                name("called: not through request_route", "calling: not through request_route"),
                &(passes.len(), on_the_loop.len()),
                &(0, 0),
            );
            return;
        }
        self.same(name("called: once through request_route", "calling: once through request_route"), &passes.len(), &1);
        if let Some(pass) = passes.first() {
            let seen = ["totag", "loose", "ours"].map(|field| pass.get(field).to_owned());
            self.same(
                name(
                    "called: has_totag, loose_route, is_ims_release",
                    "calling: has_totag, loose_route, is_ims_release",
                ),
                &seen,
                &["1", "1", "1"].map(str::to_owned),
            );
        }
        self.same(name("called: one looped BYE", "calling: one looped BYE"), &on_the_loop.len(), &1);
        if let Some(bye) = on_the_loop.first() {
            self.same(
                name("called: Route on the loop", "calling: Route on the loop"),
                &entries(&bye.headers("Route")),
                &expected.looped_route,
            );
            self.same(
                name("called: From on the loop", "calling: From on the loop"),
                &(bye.header("From"), bye.header("To")),
                &(expected.from.clone(), expected.to.clone()),
            );
            let shown = shown_to_oracle(bye, &expected, &expected.looped_route);
            self.say(
                name("called: parsers on the looped BYE", "calling: parsers on the looped BYE"),
                shown.is_ok(),
                shown.err().unwrap_or_else(|| "both read the same".to_owned()),
            );
        }
    }

    /// The BYE for the called user left first.
    pub fn order(&mut self) {
        let Ok(expected) = self.evidence.expected(self.host, Leg::Called) else { return };
        let first = self.wire.iter().find(|packet| packet.sent && packet.message.is("BYE"));
        let good = first.is_some_and(|packet| packet.message.header("From") == expected.from);
        self.say(
            "called user first",
            good,
            first.map_or_else(|| "no BYE left".to_owned(), |one| one.message.start_line()),
        );
    }

    /// Both users answered 200.
    pub fn both_answered(&mut self) {
        let count = |sent: &[Message]| sent.iter().filter(|one| one.answers("BYE", 200)).count();
        let seen = (count(&self.evidence.called_sent), count(&self.evidence.calling_sent));
        self.same("both answered 200", &seen, &(1, 1));
    }

    /// The script heard of the end, once, and the list does not hold the dialog any more.
    pub fn ended(&mut self, outcome: &str, cause: &str, called: &str, calling: &str) {
        let done = match self.host.outcome(&self.call_id, Duration::from_secs(5)) {
            Ok(done) => done,
            Err(error) => return self.say("outcome", false, error),
        };
        let seen = ["outcome", "cause", "called", "calling"].map(|field| done.get(field).to_owned());
        self.same("outcome, cause, codes", &seen, &[outcome, cause, called, calling].map(str::to_owned));
        let ends = self.host.lines_of("done", &self.call_id).len();
        self.same("reported once", &ends, &1);
        let (host, call_id) = (self.host, self.call_id.clone());
        let gone = wait_until(Duration::from_secs(3), || host.holds(&call_id) == Ok(false));
        self.say("dialog gone from the list", gone, if gone { "gone" } else { "still there" });
    }
}

/// The name of whom a release through this proxy sends over its own socket.
pub fn looped(serves: Serves) -> (bool, bool) {
    (serves == Serves::Calling, serves == Serves::Called)
}

/// All that an ordinary release must show.
pub fn of_a_release(
    host: &dyn Host,
    call: &Call,
    call_id: &str,
    serves: Serves,
    cause: &str,
    text: &str,
) -> Vec<Verdict> {
    let (called, calling) = looped(serves);
    let reason = format!("SIP;cause={cause};text=\"{text}\"");
    let mut judge = Judge::new(host, call, call_id);
    judge.order();
    judge.bye(Leg::Called, called, &reason);
    judge.bye(Leg::Calling, calling, &reason);
    judge.delivery(Leg::Called, called);
    judge.delivery(Leg::Calling, calling);
    judge.both_answered();
    judge.ended("completed", cause, "200", "200");
    judge.verdicts
}

/// The statements that are wrong, as text; None when all is well.
pub fn wrong(verdicts: &[Verdict]) -> Option<String> {
    let wrong: Vec<String> =
        verdicts.iter().filter(|one| !one.good).map(|one| format!("{}: {}", one.name, one.seen)).collect();
    (!wrong.is_empty()).then(|| wrong.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_split_outside_quotes_and_brackets() {
        let values = vec![r#"<sip:a;x=1,2>, "b,c" <sip:d>"#.to_owned(), "<sip:e>".to_owned()];
        assert_eq!(entries(&values), ["<sip:a;x=1,2>", r#""b,c" <sip:d>"#, "<sip:e>"]);
    }

    #[test]
    fn the_tag_is_found_in_every_form() {
        for value in ["<sip:a@b>;tag=1", "sip:a@b;tag=1", "<sip:a@b> ; p=2 ; TAG = 1;z", "<sip:a@b>;p=\"x>y\";tag=1"] {
            assert_eq!(tag(value).as_deref(), Some("1"), "{value}");
        }
        assert_eq!(tag("<sip:a@b;tag=2>"), None);
    }
}
