// SPDX-License-Identifier: MIT OR Apache-2.0
//! A path to the user agents that loses 30 % in each direction, doubles and reorders, from the first INVITE on: each call
//! is released, or it is reported what is not known of it, and none hangs. With IMS_RELEASE_SOAK=1 of five hundred calls.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use live::agent::Agent;
use live::call::Serves;
use live::evidence::{Evidence, Leg};
use live::host::{Host, Result};
use live::message::Message;
use live::process::wait_until;
use live::relay::Path;
use live::trial::{CAUSE, TEXT, Trial, check, log_of, proxy};
use live::verdict::{Judge, Seen, passes, reason, wrong};

const PATH: Path = Path { lost: 30, doubled: 10, late: 20, at_most: Duration::from_millis(300) };
const ROLES: [Serves; 3] = [Serves::Calling, Serves::Called, Serves::Neither];
const PER_SECOND: u32 = 50;
/// The INVITE, its 200, the 32 seconds that a BYE may wait for an ACK, and that BYE.
const LIMIT: Duration = Duration::from_secs(60);
/// Who has no INVITE by then gets none: the calling user or the proxy has given up.
const GIVEN_UP: Duration = Duration::from_secs(15);

/// Both users and their calls.
struct Users {
    calling: Agent,
    called: Agent,
    calls: Vec<(String, Serves)>,
}

/// How a call went.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Completed,
    Gone,
    NeverUp,
}

impl Users {
    fn new(host: &dyn Host, seed: u64) -> Result<Self> {
        let agent = |seed| Agent::start(host.address(), PATH, seed);
        Ok(Self { calling: agent(seed)?, called: agent(seed.rotate_left(32))?, calls: Vec::new() })
    }

    fn informs(number: usize) -> bool {
        number % 2 == 1
    }

    fn set_up(&mut self, calls: usize) {
        for number in 0..calls {
            let (call_id, serves) = (format!("lossy-{number}"), ROLES[number % ROLES.len()]);
            self.calling.call(&call_id, self.called.address(), serves, Self::informs(number));
            self.calls.push((call_id, serves));
            std::thread::sleep(Duration::from_secs(1) / PER_SECOND);
        }
    }

    fn evidence(&self) -> HashMap<String, Evidence> {
        let mut called = self.called.calls();
        let of_both = |(call_id, calling): (String, live::agent::Traffic)| {
            let called = called.remove(&call_id).unwrap_or_default();
            let evidence = Evidence {
                calling_sent: calling.sent,
                calling_received: calling.received,
                called_sent: called.sent,
                called_received: called.received,
            };
            (call_id, evidence)
        };
        self.calling.calls().into_iter().map(of_both).collect()
    }

    /// The calls that did not come about, and those whose INFO has its
    /// final answer.
    fn refused_and_informed(&self, waited: Duration) -> (HashSet<String>, HashSet<String>) {
        let (mut refused, mut informed) = (HashSet::new(), HashSet::new());
        let reached = self.called.calls();
        for (call_id, traffic) in self.calling.calls() {
            // The refusal may be lost too, each time that it is sent.
            if traffic.received.iter().any(is_refusal) || waited > GIVEN_UP && !reached.contains_key(&call_id) {
                refused.insert(call_id.clone());
            }
            let end = |one: &Message| one.cseq().1 == "INFO" && one.status().is_some_and(|code| code >= 200);
            if traffic.received.iter().any(end) {
                informed.insert(call_id);
            }
        }
        (refused, informed)
    }
}

fn is_refusal(one: &Message) -> bool {
    one.cseq().1 == "INVITE" && one.status().is_some_and(|code| code >= 300)
}

/// Releases each call as soon as it is up, acknowledged or not, and waits until all have ended. Gives those that have
/// not.
fn released(host: &dyn Host, users: &Users) -> Result<HashSet<String>> {
    let mut asked = HashSet::new();
    let mut left: HashSet<String> = HashSet::new();
    let mut failure = None;
    let start = Instant::now();
    let mut step = || -> Result<bool> {
        let (refused, informed) = users.refused_and_informed(start.elapsed());
        let list = host.list()?;
        let of = |entry: &serde_json::Value, name| entry[name].as_str().unwrap_or_default().to_owned();
        let known: HashMap<String, String> = list.iter().map(|one| (of(one, "call_id"), of(one, "state"))).collect();
        let told: HashSet<String> = host
            .lines()
            .into_iter()
            .filter(|line| line.kind == "done")
            .map(|line| line.get("call_id").to_owned())
            .collect();
        left.clear();
        for (number, (call_id, _)) in users.calls.iter().enumerate() {
            // A CSeq counts when its request has come through.
            let ready = !Users::informs(number) || informed.contains(call_id);
            let up = matches!(known.get(call_id).map(String::as_str), Some("confirmed" | "acknowledged"));
            if ready && up && !asked.contains(call_id) {
                host.release("call", call_id, CAUSE, TEXT)?.map_err(|fault| format!("{call_id}: {fault:?}"))?;
                asked.insert(call_id.clone());
            }
            let never_up = refused.contains(call_id) && !known.contains_key(call_id) && !asked.contains(call_id);
            if !told.contains(call_id) && !never_up {
                left.insert(call_id.clone());
            }
        }
        Ok(left.is_empty())
    };
    wait_until(LIMIT, || {
        std::thread::sleep(Duration::from_millis(150));
        step().unwrap_or_else(|error| {
            failure = Some(error);
            true
        })
    });
    failure.map_or(Ok(left), Err)
}

/// What is to be said about the BYE of one leg that was reported with this code.
fn leg(judge: &mut Judge<'_>, leg: Leg, passes: usize, code: &str) {
    let seen: HashSet<String> = judge.evidence().byes(leg).iter().map(|bye| bye.branch()).collect();
    // Each copy is one and the same BYE; none may have come through.
    let ways = vec![passes; seen.len().min(1)];
    judge.byes_in_turn(leg, &ways, &reason(CAUSE, TEXT));
    let answered = judge.evidence().sent(leg).iter().filter(|one| one.answers("BYE", 200)).count();
    let tag = if leg == Leg::Called { ";tag=b-" } else { ";tag=a-" };
    let at_the_proxy = judge.wire().iter().filter(|packet| {
        let answer = &packet.message;
        !packet.sent && !packet.looped() && answer.answers("BYE", 200) && answer.header("To").contains(tag)
    });
    let at_the_proxy = at_the_proxy.count();
    match code {
        "200" => {
            let text = format!("{} branches, {answered} answers", seen.len());
            judge.say(format!("{leg}: the user had it"), seen.len() == 1 && answered > 0, text);
            judge.say(format!("{leg}: the proxy had the answer"), at_the_proxy > 0, String::new());
        }
        "408" => judge.same(format!("{leg}: answers that the proxy had"), &at_the_proxy, &0),
        _ => judge.say(format!("{leg}: code"), false, code),
    }
}

/// All that must be known about one call.
fn account_for(judge: &mut Judge<'_>, serves: Serves) -> Option<End> {
    let done: Vec<_> = judge.lines().iter().filter(|line| line.kind == "done").cloned().collect();
    let [done] = &done[..] else {
        judge.same("reported at most once", &done.len(), &0);
        // Else no INVITE has come through until the calling user gave up.
        let refused = judge.wire().iter().any(|packet| packet.sent && is_refusal(&packet.message));
        let unknown = judge.wire().is_empty();
        judge.say("the calling user knows that there is no call", refused || unknown, "no end was told");
        let up = judge.evidence().calling_received.iter().any(|one| one.answers("INVITE", 200));
        judge.say("nobody has a call", !up, "the calling user has");
        judge.no_bye(Leg::Called);
        judge.no_bye(Leg::Calling);
        return Some(End::NeverUp);
    };
    let (to_called, to_calling) = passes(serves);
    leg(judge, Leg::Called, to_called, done.get("called"));
    leg(judge, Leg::Calling, to_calling, done.get("calling"));
    judge.same("attempts", &done.get("attempts"), &"1,1");
    let both = [done.get("called"), done.get("calling")] == ["200"; 2];
    let outcome = if both { "completed" } else { "gone" };
    judge.same("outcome and cause", &[done.get("outcome"), done.get("cause")], &[outcome, CAUSE]);
    Some(if both { End::Completed } else { End::Gone })
}

/// What the proxy had on the wire of a call, for the text of a failed test.
fn transcript(judge: &Judge<'_>) -> String {
    let line = |packet: &live::dump::Packet| {
        let way = if packet.sent { "->" } else { "<-" };
        let (message, other) = (&packet.message, if packet.sent { packet.destination } else { packet.source });
        format!("proxy {way} {other} {} [{}]\n", message.start_line(), message.header("CSeq"))
    };
    judge.wire().iter().map(line).collect()
}

#[test]
fn each_call_is_released_or_reported() -> Trial {
    let calls = if std::env::var_os("IMS_RELEASE_SOAK").is_some() { 500 } else { 40 };
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs());
    // OpenSIPS sends on no 2xx that comes again when its transaction is gone: it is to be there for 64*T1 (RFC 6026).
    let host = proxy(&["WT_TIMER=33"])?;
    let mut users = Users::new(&host, seed)?;
    users.set_up(calls);
    let left = released(&host, &users)?;
    // What comes late makes no second end.
    std::thread::sleep(Duration::from_millis(700));

    let (mut ends, mut bad) = (Vec::new(), Vec::new());
    let mut seen = Seen::with(&host, users.evidence());
    let listed: HashSet<String> =
        host.list()?.iter().filter_map(|one| one["call_id"].as_str().map(str::to_owned)).collect();
    for (call_id, serves) in &users.calls {
        let mut judge = seen.judge(&host, call_id);
        ends.extend(account_for(&mut judge, *serves));
        judge.say("it has ended", !left.contains(call_id) && !listed.contains(call_id), "it is still there");
        bad.extend(
            wrong(&judge.verdicts)
                .map(|wrong| format!("{call_id}:\n{wrong}\n{}{}", transcript(&judge), log_of(&host, call_id))),
        );
    }
    let count = |end| ends.iter().filter(|one| **one == end).count();
    let relays = [users.calling.relay(), users.called.relay()];
    let sum = |figure: fn(&live::relay::Relay) -> u64| relays.iter().map(|relay| figure(relay)).sum::<u64>();
    println!(
        "losses: {calls} calls, {} unaccounted ({} completed, {} with an unanswered BYE, {} never up; {} datagrams sent on, \
         {} lost, {} doubled, {} late; seed {seed})",
        bad.len(),
        count(End::Completed),
        count(End::Gone),
        count(End::NeverUp),
        sum(live::relay::Relay::sent),
        sum(live::relay::Relay::lost),
        sum(live::relay::Relay::doubled),
        sum(live::relay::Relay::late),
    );
    check(bad.is_empty(), || {
        let some: Vec<String> = bad.iter().take(3).cloned().collect();
        format!("{} of {calls} calls are not accounted for (seed {seed}):\n{}", bad.len(), some.join("\n"))
    })?;
    // Else the path was a good one, and the test shows nothing.
    check(sum(live::relay::Relay::lost) > calls as u64, || "hardly anything was lost".to_owned())?;
    check(count(End::Completed) > calls / 2, || "hardly a call was released".to_owned())?;
    // What is under way is what the timer has found last.
    let is_zero = |figure: &serde_json::Value| figure.to_string().trim_matches('"') == "0";
    wait_until(Duration::from_secs(5), || host.stats().is_ok_and(|stats| is_zero(&stats["pending"])));
    let stats = host.stats()?;
    let up = (calls - count(End::NeverUp)) as u64;
    for (name, value) in [
        ("started", up),
        ("completed", count(End::Completed) as u64),
        ("gone", count(End::Gone) as u64),
        ("partial", 0),
        ("failed", 0),
        ("expired", 0),
        ("pending", 0),
        ("store_failures", 0),
        ("damaged", 0),
        ("refused_messages", 0),
    ] {
        let figure = stats[name].to_string();
        check(figure.trim_matches('"') == value.to_string(), || format!("{name} is not {value}: {stats}"))?;
    }
    Ok(())
}
