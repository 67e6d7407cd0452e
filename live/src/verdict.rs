// SPDX-License-Identifier: MIT OR Apache-2.0
//! Judges a release by what both ends received, what was on the wire and what the script logged.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use crate::call::{Call, Serves};
use crate::dump::Packet;
use crate::evidence::{Evidence, Expected, Leg, entries, tag};
use crate::host::{Host, Line, Result};
use crate::message::Message;
use crate::process::wait_until;

/// One statement about a release.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it must be.
    pub good: bool,
    /// What was seen, and what was expected where that differs.
    pub seen: String,
}

/// Shows a BYE to the two independent parsers: they must accept it and read what is expected.
fn shown_to_oracle(bye: &Message, expected: &Expected, routes: &[String]) -> Result<()> {
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

/// What the two parsers do not read alike, or not as the message has it, in the BYEs of ours that the proxy sent. Each
/// live test ends with it, so that no BYE goes around them.
pub fn unread_byes(wire: &[Packet]) -> Vec<String> {
    let ours =
        |packet: &&Packet| packet.sent && packet.message.is("BYE") && !packet.message.header("Reason").is_empty();
    wire.iter()
        .filter(ours)
        .filter_map(|packet| {
            let bye = &packet.message;
            let routes = entries(&bye.headers("Route"));
            let said = Expected {
                request_uri: bye.request_uri().unwrap_or_default(),
                from: bye.header("From"),
                to: bye.header("To"),
                call_id: bye.call_id(),
                cseq: None,
                route: Vec::new(),
                looped_route: Vec::new(),
            };
            shown_to_oracle(bye, &said, &routes).err()
        })
        .collect()
}

/// All that was seen of many calls, read once.
pub struct Seen {
    evidence: HashMap<String, Evidence>,
    wire: HashMap<String, Vec<Packet>>,
    lines: HashMap<String, Vec<Line>>,
}

impl Seen {
    /// Reads both traces, the captures and the log.
    pub fn of(host: &dyn Host, call: &Call) -> Self {
        Self::with(host, Evidence::by_call(call))
    }

    /// Reads the captures and the log; the evidence of both ends is there.
    pub fn with(host: &dyn Host, evidence: HashMap<String, Evidence>) -> Self {
        let (mut wire, mut lines) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for packet in host.wire() {
            wire.entry(packet.message.call_id()).or_default().push(packet);
        }
        for line in host.lines() {
            lines.entry(line.get("call_id").to_owned()).or_default().push(line);
        }
        Self { evidence, wire, lines }
    }

    /// A judge of one of the calls.
    pub fn judge<'a>(&mut self, host: &'a dyn Host, call_id: &str) -> Judge<'a> {
        Judge {
            host,
            call_id: call_id.to_owned(),
            evidence: self.evidence.remove(call_id).unwrap_or_default(),
            wire: self.wire.remove(call_id).unwrap_or_default(),
            lines: self.lines.remove(call_id).unwrap_or_default(),
            verdicts: Vec::new(),
        }
    }
}

/// All statements about one release.
///
/// A BYE goes straight to its user in 0 passes through request_route, or over the own socket in 1 pass, or in 2 where
/// the proxy serves both users.
pub struct Judge<'a> {
    host: &'a dyn Host,
    call_id: String,
    evidence: Evidence,
    wire: Vec<Packet>,
    lines: Vec<Line>,
    /// The statements so far.
    pub verdicts: Vec<Verdict>,
}

impl<'a> Judge<'a> {
    /// Collects the evidence about one call.
    pub fn new(host: &'a dyn Host, call: &Call, call_id: &str) -> Self {
        Seen::of(host, call).judge(host, call_id)
    }

    /// A judge of one dialog of a forked call: all that carries the tag of its called user, and the INVITE.
    pub fn of_a_fork(host: &'a dyn Host, call_id: &str, evidence: &Evidence, to_tag: &str) -> Self {
        let ours = |one: &Message| {
            [one.header("From"), one.header("To")].iter().any(|value| tag(value).as_deref() == Some(to_tag))
        };
        let of_the_dialog = |messages: &[Message]| {
            messages.iter().filter(|one| one.is("INVITE") || ours(one)).cloned().collect::<Vec<_>>()
        };
        let evidence = Evidence {
            calling_sent: of_the_dialog(&evidence.calling_sent),
            calling_received: of_the_dialog(&evidence.calling_received),
            called_sent: of_the_dialog(&evidence.called_sent),
            called_received: of_the_dialog(&evidence.called_received),
        };
        let wire = host.wire().into_iter().filter(|packet| packet.message.call_id() == call_id);
        let wire = wire.filter(|packet| ours(&packet.message)).collect();
        // The first lines of the script do not tell which of the dialogs a request belongs to.
        let lines = host.lines_of("bye", call_id);
        Self { host, call_id: call_id.to_owned(), evidence, wire, lines, verdicts: Vec::new() }
    }

    /// The messages of the call.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The datagrams of the call at the proxy.
    pub fn wire(&self) -> &[Packet] {
        &self.wire
    }

    /// What the script logged about the call.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// One more statement.
    pub fn say(&mut self, name: impl Into<String>, good: bool, seen: impl Into<String>) {
        self.verdicts.push(Verdict { name: name.into(), good, seen: seen.into() });
    }

    /// The statement that two values are the same.
    pub fn same<T: PartialEq + std::fmt::Debug>(&mut self, name: impl Into<String>, seen: &T, expected: &T) {
        let good = seen == expected;
        let text = if good { format!("{seen:?}") } else { format!("{seen:?}, expected {expected:?}") };
        self.say(name, good, text);
    }

    /// One BYE at the user that it is for.
    pub fn bye(&mut self, leg: Leg, passes: usize, reason: &str) {
        self.same(format!("{leg}: one BYE"), &self.evidence.byes(leg).len(), &1);
        self.content(leg, passes, reason);
    }

    /// The same BYE again and again at a user that does not answer.
    pub fn repeated_bye(&mut self, leg: Leg, passes: usize, reason: &str) {
        let byes: Vec<Message> = self.evidence.byes(leg).into_iter().cloned().collect();
        self.say(format!("{leg}: retransmissions"), byes.len() > 1, format!("{} BYEs", byes.len()));
        let same = byes.windows(2).all(|pair| pair[0] == pair[1]);
        self.say(format!("{leg}: byte by byte the same"), same, if same { "same" } else { "they differ" });
        self.content(leg, passes, reason);
    }

    /// No BYE at a user.
    pub fn no_bye(&mut self, leg: Leg) {
        self.same(format!("{leg}: no BYE"), &self.evidence.byes(leg).len(), &0);
    }

    /// BYEs at a user one after the other, of which each but the last was in vain: all say the same, with a higher CSeq
    /// and a branch of their own. `passes` tells the way of each. Gives their CSeq numbers.
    pub fn byes_in_turn(&mut self, leg: Leg, passes: &[usize], reason: &str) -> Vec<u64> {
        let byes = self.without_retransmissions(leg);
        self.same(format!("{leg}: BYEs with a branch of their own"), &byes.len(), &passes.len());
        let numbers: Vec<u64> = byes.iter().map(|bye| bye.cseq().0).collect();
        let rising = numbers.windows(2).all(|pair| pair[0] < pair[1]);
        self.say(format!("{leg}: CSeq rises"), rising, format!("{numbers:?}"));
        for (number, (bye, passes)) in byes.into_iter().zip(passes).enumerate() {
            self.content_of(leg, &bye, *passes, reason, number == 0);
        }
        numbers
    }

    /// The BYE that came straight, after one that service control kept back. Gives its CSeq number.
    pub fn byes_of_a_bypass(&mut self, leg: Leg, reason: &str) -> Vec<u64> {
        let byes = self.without_retransmissions(leg);
        self.same(format!("{leg}: one BYE"), &byes.len(), &1);
        for bye in &byes {
            self.content_of(leg, bye, 0, reason, false);
        }
        byes.iter().map(|bye| bye.cseq().0).collect()
    }

    fn without_retransmissions(&self, leg: Leg) -> Vec<Message> {
        let mut byes: Vec<Message> = Vec::new();
        for bye in self.evidence.byes(leg) {
            if byes.iter().all(|known| known.branch() != bye.branch()) {
                byes.push(bye.clone());
            }
        }
        byes
    }

    /// What the BYE says at the user that it is for.
    fn content(&mut self, leg: Leg, passes: usize, reason: &str) {
        if let Some(bye) = self.evidence.byes(leg).first().map(|bye| (*bye).clone()) {
            self.content_of(leg, &bye, passes, reason, true);
        }
    }

    fn content_of(&mut self, leg: Leg, bye: &Message, passes: usize, reason: &str, first: bool) {
        let expected = match self.evidence.expected(self.host, leg) {
            Ok(expected) => expected,
            Err(error) => return self.say(format!("{leg}: the call"), false, error),
        };
        self.same(format!("{leg}: Request-URI"), &bye.request_uri().unwrap_or_default(), &expected.request_uri);
        self.same(format!("{leg}: From"), &bye.headers("From"), &vec![expected.from.clone()]);
        self.same(format!("{leg}: To"), &bye.headers("To"), &vec![expected.to.clone()]);
        self.same(format!("{leg}: Call-ID"), &bye.headers("Call-ID"), &vec![expected.call_id.clone()]);
        if first {
            self.cseq(leg, bye, &expected);
        }
        self.same(format!("{leg}: Route"), &entries(&bye.headers("Route")), &expected.route);
        self.same(format!("{leg}: Reason"), &bye.headers("Reason"), &vec![reason.to_owned()]);
        self.same(format!("{leg}: Max-Forwards"), &bye.headers("Max-Forwards"), &vec![(70 - passes).to_string()]);
        self.same(format!("{leg}: Content-Length"), &bye.headers("Content-Length"), &vec!["0".to_owned()]);
        self.same(format!("{leg}: no Contact"), &bye.headers("Contact"), &Vec::new());
        self.oracle(&format!("{leg}: sofia-sip and libosip2 agree"), bye, &expected, &expected.route);
        self.same(format!("{leg}: Vias"), &bye.headers("Via").len(), &(passes + 1));
    }

    fn cseq(&mut self, leg: Leg, bye: &Message, expected: &Expected) {
        let (number, method) = bye.cseq();
        let random = expected.cseq.is_none() && leg == Leg::Calling && (1..1 << 31).contains(&number);
        let good = method == "BYE" && (random || expected.cseq == Some(number));
        let kind = if random { " (random)" } else { "" };
        let wanted = expected.cseq.map_or_else(|| "a random one".to_owned(), |number| number.to_string());
        let text = format!("{number} {method}{kind}");
        self.say(format!("{leg}: CSeq"), good, if good { text } else { format!("{text}, expected {wanted}") });
    }

    fn oracle(&mut self, name: &str, bye: &Message, expected: &Expected, routes: &[String]) {
        let shown = shown_to_oracle(bye, expected, routes);
        self.say(name, shown.is_ok(), shown.err().unwrap_or_else(|| "both read the same".to_owned()));
    }

    /// How a BYE went: through request_route over the own socket, or straight to its user.
    pub fn delivery(&mut self, leg: Leg, passes: usize) {
        let Ok(expected) = self.evidence.expected(self.host, leg) else { return };
        let of_the_leg = |line: &&Line| line.kind == "bye" && line.get("ruri") == expected.request_uri;
        let in_the_script: Vec<Line> = self.lines.iter().filter(of_the_leg).cloned().collect();
        let mut on_the_loop: Vec<Message> = self
            .wire
            .iter()
            .filter(|packet| packet.looped() && packet.sent && packet.message.is("BYE"))
            .map(|packet| packet.message.clone())
            .filter(|bye| bye.request_uri().as_deref() == Some(&expected.request_uri))
            .collect();
        // Retransmissions carry the branch of the first.
        let mut branches = HashSet::new();
        on_the_loop.retain(|bye| branches.insert(bye.branch()));
        if passes == 0 {
            let seen = (in_the_script.len(), on_the_loop.len());
            return self.same(format!("{leg}: not through request_route"), &seen, &(0, 0));
        }
        let name = if passes == 1 { "once through request_route" } else { "twice through request_route" };
        self.same(format!("{leg}: {name}"), &in_the_script.len(), &passes);
        self.whole_script(leg, passes);
        if let Some(pass) = in_the_script.first() {
            let seen = ["totag", "loose", "ours"].map(|field| pass.get(field).to_owned());
            // A user of RFC 2543 has no tag that To could carry.
            let totag = if tag(&expected.to).is_some() { "1" } else { "0" };
            let wanted = [totag, "1", "1"].map(str::to_owned);
            self.same(format!("{leg}: has_totag, loose_route, is_ims_release"), &seen, &wanted);
        }
        let again = in_the_script.iter().skip(1).filter(|pass| pass.get("ours") != "0").count();
        self.same(format!("{leg}: is_ims_release on the first pass only"), &again, &0);
        self.same(format!("{leg}: BYEs on the loop"), &on_the_loop.len(), &passes);
        if let Some(bye) = on_the_loop.first() {
            let route = entries(&bye.headers("Route"));
            self.same(format!("{leg}: Route on the loop"), &route, &expected.looped_route);
            let identities = (bye.header("From"), bye.header("To"));
            let wanted = (expected.from.clone(), expected.to.clone());
            self.same(format!("{leg}: From and To on the loop"), &identities, &wanted);
            self.oracle(&format!("{leg}: parsers on the looped BYE"), bye, &expected, &expected.looped_route);
        }
    }

    /// The script ran from its first line for each pass, and for no retransmission. Only where it tells.
    fn whole_script(&mut self, leg: Leg, passes: usize) {
        let requests: Vec<&Line> = self.lines.iter().filter(|line| line.kind == "request").collect();
        if requests.is_empty() {
            return;
        }
        let own = [self.host.address(), self.host.address_towards_called()].map(|address| address.to_string());
        let looped = |line: &&&Line| line.get("method") == "BYE" && own.iter().any(|own| own == line.get("source"));
        let runs = requests.iter().filter(looped).count();
        self.same(format!("{leg}: runs of the script"), &runs, &passes);
    }

    /// The BYE for the called user left first.
    pub fn order(&mut self) {
        let Ok(expected) = self.evidence.expected(self.host, Leg::Called) else { return };
        let first = self.wire.iter().find(|packet| packet.sent && packet.message.is("BYE"));
        let good = first.is_some_and(|packet| packet.message.header("From") == expected.from);
        let seen = first.map_or_else(|| "no BYE left".to_owned(), |one| one.message.start_line());
        self.say("called user first", good, seen);
    }

    /// The socket of the proxy that the BYE for a user left from, and no other.
    pub fn left_from(&mut self, leg: Leg, user: SocketAddr, socket: SocketAddr) {
        let mut seen: Vec<SocketAddr> = self
            .wire
            .iter()
            .filter(|packet| packet.sent && packet.message.is("BYE") && packet.destination == user)
            .map(|packet| packet.source)
            .collect();
        seen.dedup();
        self.same(format!("{leg}: socket that the BYE left from"), &seen, &vec![socket]);
    }

    /// Both users answered 200.
    pub fn both_answered(&mut self) {
        let count = |sent: &[Message]| sent.iter().filter(|one| one.answers("BYE", 200)).count();
        let seen = (count(&self.evidence.called_sent), count(&self.evidence.calling_sent));
        self.same("both answered 200", &seen, &(1, 1));
    }

    /// The script heard of the end, once.
    pub fn reported(&mut self, outcome: &str, cause: &str, called: &str, calling: &str) {
        if self.done().is_empty() {
            let _ = self.host.outcome(&self.call_id, Duration::from_secs(5));
            self.lines.extend(self.host.lines_of("done", &self.call_id));
        }
        let done = self.done();
        let seen: Vec<[String; 4]> = done
            .iter()
            .map(|line| ["outcome", "cause", "called", "calling"].map(|field| line.get(field).to_owned()))
            .collect();
        self.same("reported once", &seen.len(), &1);
        let wanted = [outcome, cause, called, calling].map(str::to_owned);
        self.same("outcome, cause, codes", &seen.into_iter().next().unwrap_or_default(), &wanted);
    }

    fn done(&self) -> Vec<&Line> {
        self.lines.iter().filter(|line| line.kind == "done").collect()
    }

    /// The list does not hold the dialog any more.
    pub fn forgotten(&mut self) {
        let (host, call_id) = (self.host, self.call_id.clone());
        let gone = wait_until(Duration::from_secs(3), || host.holds(&call_id) == Ok(false));
        self.say("dialog gone from the list", gone, if gone { "gone" } else { "still there" });
    }

    /// The release has ended in every respect.
    pub fn ended(&mut self, outcome: &str, cause: &str, called: &str, calling: &str) {
        self.reported(outcome, cause, called, calling);
        self.forgotten();
    }
}

/// The passes through request_route of the BYE for the called and for the calling user.
pub fn passes(serves: Serves) -> (usize, usize) {
    (usize::from(serves == Serves::Calling), usize::from(serves == Serves::Called))
}

/// The Reason header value.
pub fn reason(cause: &str, text: &str) -> String {
    format!("SIP;cause={cause};text=\"{text}\"")
}

impl Judge<'_> {
    /// Both BYEs, at both ends and on their way.
    pub fn both_byes(&mut self, serves: Serves, reason: &str) {
        let (called, calling) = passes(serves);
        self.order();
        self.bye(Leg::Called, called, reason);
        self.bye(Leg::Calling, calling, reason);
        self.delivery(Leg::Called, called);
        self.delivery(Leg::Calling, calling);
    }
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
    let mut judge = Judge::new(host, call, call_id);
    judge.both_byes(serves, &reason(cause, text));
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
