// SPDX-License-Identifier: MIT OR Apache-2.0
//! From and To come to both ends byte by byte as the users wrote them, in every form that RFC 3261 allows.

use live::call::{Call, Serves};
use live::host::Host;
use live::scenario::Script;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, all_good, check, proxy, release};
use live::verdict::Seen;

/// A value of From or To: what stands before its tag, with the tag, and what follows. `{user}` and `{tag}` differ for
/// the two users.
const FORMS: [&str; 17] = [
    r#""Alice > Bob" <sip:{user}@home1.net>;tag={tag}"#,
    r#""x;tag=evil" <sip:{user}@home1.net>;tag={tag}"#,
    r#""> ;tag=9 <sip:a@b>;tag=8" <sip:{user}@home1.net>;x="y;tag=7";tag={tag}"#,
    r#""A \"q\" ;tag=6 \\" <sip:{user}@home1.net;user=phone>;tag={tag}"#,
    "<sip:{user}@home1.net> ; p=1 ;tag={tag} ;z",
    "<sip:{user}@home1.net>;p=1;tag={tag};z=2;y",
    r#"<sip:{user}@home1.net>;p="x>y";tag={tag}"#,
    r#"<sip:{user}@home1.net>;tag={tag};p="x>y;tag=5""#,
    "sip:{user}@home1.net;tag={tag}",
    "sip:{user}@home1.net ;tag={tag};q=1",
    "<sip:{user}@home1.net>;TAG={tag}",
    "<sip:{user}@home1.net>; tag = {tag}",
    "<sip:{user}@home1.net;tag=uri>;tag={tag}",
    "<tel:+1-212-555-{user}>;tag={tag}",
    "tel:+1212555;tag={tag}",
    "Alice Liddell   <sip:{user}@home1.net>   ;tag={tag}",
    "<sip:{user}@home1.net>;tag=a.b-c!*_+'~{tag}",
];

/// A tag that no URI can hold: the record_route() of these proxies copies the tag of the calling user into a URI, so
/// only a called user has it.
const ODD: &str = "<sip:{user}@home1.net>;tag=%5b-c!%*_+`'~{tag}";

fn filled(form: &str, user: &str, tag: &str) -> String {
    form.replace("{user}", user).replace("{tag}", tag)
}

/// The same value without its tag, as To stands in the INVITE.
fn without_tag(form: &str, user: &str) -> String {
    let form = filled(form, user, "TAG-OF-USER");
    let start = form.find("TAG-OF-USER").unwrap_or(form.len());
    let parameter = form[..start].rfind(';').unwrap_or(start);
    let end = form[start..].find(';').map_or(form.len(), |length| start + length);
    format!("{}{}", form[..parameter].trim_end(), &form[end..])
}

struct Set {
    calling: String,
    called: String,
    to: String,
}

/// Sets one call up for each set, releases them all and judges them.
fn released(serves: Serves, sets: Vec<Set>) -> Trial {
    let host = proxy(&[])?;
    let mut calls = Vec::new();
    for (number, set) in sets.iter().enumerate() {
        let mut script = Script::new(&host, serves)?;
        (script.calling.identity, script.called.identity) = (set.calling.clone(), set.called.clone());
        script.to.clone_from(&set.to);
        calls.push(Call::start(&host, &format!("form{number}"), script)?);
    }
    let mut wrong = Vec::new();
    for (call, set) in calls.iter().zip(&sets) {
        let one = || -> live::host::Result<()> {
            let call_id = call.established()?;
            release(&host, &call_id)?;
            host.outcome(&call_id, PROMPT)?;
            call.both_byes(PROMPT);
            let mut judge = Seen::of(&host, call).judge(&host, &call_id);
            // SIPp itself must have sent what is meant here, or the rest says nothing.
            let sent = judge.evidence().calling_sent.first().map(|invite| invite.header("From")).unwrap_or_default();
            judge.same("From of the INVITE", &sent, &set.calling);
            let answer = judge.evidence().calling_received.iter().find(|one| one.answers("INVITE", 200)).cloned();
            let answered = answer.map(|answer| answer.header("To")).unwrap_or_default();
            judge.same("To of the 200", &answered, &set.called);
            judge.both_byes(serves, &live::verdict::reason(CAUSE, TEXT));
            judge.both_answered();
            judge.ended("completed", CAUSE, "200", "200");
            all_good(&host, call, &call_id, &judge.verdicts)
        };
        if let Err(error) = one() {
            wrong.push(format!("--- {} / {}\n{error}", set.calling, set.called));
        }
    }
    Ok(check(wrong.is_empty(), || wrong.join("\n"))?)
}

/// Every form on both sides of a call, with another form on the other side.
fn all_forms() -> Vec<Set> {
    let other = |index: usize| if index == FORMS.len() { ODD } else { FORMS[(index + 5) % FORMS.len()] };
    FORMS
        .iter()
        .chain(&FORMS[..1])
        .enumerate()
        .map(|(index, form)| Set {
            calling: filled(form, "alice", &format!("a{index}")),
            called: filled(other(index), "bob", &format!("b{index}")),
            to: without_tag(other(index), "bob"),
        })
        .collect()
}

#[test]
fn every_form_when_the_calling_user_is_served() -> Trial {
    released(Serves::Calling, all_forms())
}

#[test]
fn every_form_when_the_called_user_is_served() -> Trial {
    released(Serves::Called, all_forms())
}

/// Users of RFC 2543 may have no tag.
fn without_tags() -> Vec<Set> {
    let set = |calling: &str, called: &str, to: &str| Set {
        calling: calling.to_owned(),
        called: called.to_owned(),
        to: to.to_owned(),
    };
    vec![
        set("<sip:alice@home1.net>", "<sip:bob@home1.net>;tag=b1", "<sip:bob@home1.net>"),
        set(r#""A ;tag=1" <sip:alice@home1.net>;p=1"#, "sip:bob@home1.net;tag=b2", "sip:bob@home1.net"),
        set("sip:alice@home1.net", "<sip:bob@home1.net>", "<sip:bob@home1.net>"),
        set("<sip:alice@home1.net>;tag=a4", "<sip:bob@home1.net>;p", "<sip:bob@home1.net>;p"),
        set("<sip:alice@home1.net>", r#""Bob" <sip:bob@home1.net>"#, r#""Bob" <sip:bob@home1.net>"#),
    ]
}

#[test]
fn no_tag_when_the_calling_user_is_served() -> Trial {
    released(Serves::Calling, without_tags())
}

#[test]
fn no_tag_when_the_called_user_is_served() -> Trial {
    released(Serves::Called, without_tags())
}

#[test]
fn the_forms_are_what_is_meant() {
    assert_eq!(filled(FORMS[4], "a", "1"), "<sip:a@home1.net> ; p=1 ;tag=1 ;z");
    assert_eq!(without_tag(FORMS[4], "a"), "<sip:a@home1.net> ; p=1;z");
    assert_eq!(without_tag(FORMS[0], "a"), r#""Alice > Bob" <sip:a@home1.net>"#);
    assert_eq!(without_tag(FORMS[6], "a"), r#"<sip:a@home1.net>;p="x>y""#);
    assert_eq!(without_tag(FORMS[11], "a"), "<sip:a@home1.net>");
}
