// SPDX-License-Identifier: MIT OR Apache-2.0
//! One message, cut into its headers, lists, addresses and URIs. Every part must lie within what it was cut from.

use ims_release::capture;
use ims_release::cseq;
use ims_release::message::{Header, Message, Name, StartLine, list, name_addr, trim, unfold, uri};
use ims_release::route::Own;

/// Runs the target once.
pub fn run(input: &[u8]) {
    let message = Message::parse(input);
    let captured = capture::read(input);
    match &message {
        Ok(message) => whole(input, message),
        Err(malformed) => assert!(malformed.offset <= input.len()),
    }
    match &captured {
        Ok(captured) => values(message.expect("what is captured was cut"), captured),
        Err(refused) => assert!(refused.offset <= input.len()),
    }
    // Without a message around it more inputs reach the inner functions. A value has no blanks around it.
    value(input.trim_ascii());
}

fn whole(input: &[u8], message: &Message<'_>) {
    if let StartLine::Request { method, uri } = message.start {
        assert!(!method.is_empty() && !uri.is_empty());
        address(uri);
    }
    let mut last = 0;
    for Header { written, value: text, offset, .. } in message.headers() {
        assert!(offset > last, "headers stand in order");
        last = offset;
        assert!(input[offset..].starts_with(written), "a header begins with its name");
        let at = text.as_ptr() as usize - input.as_ptr() as usize;
        assert!(at > offset && at + text.len() < input.len(), "a value lies in its message");
        assert_eq!(trim(text), text);
        value(text);
    }
    assert!(input.ends_with(message.body()) && last + message.body().len() < input.len());
}

fn value(text: &[u8]) {
    let line = unfold(text);
    assert!(!line.contains(&b'\n') && line.len() <= text.len());
    assert_eq!(unfold(&line), line, "what is unfolded stays");
    let parts: Vec<_> = list::elements(&line).collect();
    let sound: Vec<&[u8]> = parts.iter().copied().map_while(Result::ok).collect();
    assert!(parts.len() <= sound.len() + 1, "nothing follows what cannot be split");
    let joined = sound.join(&b", "[..]);
    assert!(list::elements(&joined).eq(sound.iter().copied().map(Ok)), "a list joined again is the same list");
    for part in sound {
        assert!(!part.is_empty() && trim(part) == part);
        name(part);
    }
    name(&line);
    address(&line);
    if let Some(cseq) = cseq::parse(&line) {
        assert!(line.ends_with(cseq.method) || trim(&line).ends_with(cseq.method));
    }
    let _ = (Own::uri(&line), Own::host(&line, b"x"));
}

fn name(value: &[u8]) {
    let Some(cut) = name_addr::parse(value) else { return };
    assert!(!cut.uri.is_empty());
    address(cut.uri);
    let mut params = 0;
    for param in cut.params() {
        let param = param.expect("a value with an open quote is refused");
        assert!(param.from_semicolon.starts_with(b";"));
        params += 1;
    }
    assert_eq!(params == 0, cut.params.is_empty());
    if let Some(tag) = name_addr::tag(value, &cut) {
        assert!(tag.semicolon < tag.start && tag.start <= tag.end && tag.end <= value.len());
        assert_eq!(value[tag.semicolon], b';');
        // A tag put on its own is the same tag.
        let again = [&b"<sip:x>;tag="[..], &value[tag.start..tag.end]].concat();
        let found = name_addr::parse(&again).and_then(|cut| name_addr::tag(&again, &cut));
        assert_eq!(found.map(|tag| &again[tag.start..tag.end]), Some(&value[tag.start..tag.end]));
    }
}

fn address(text: &[u8]) {
    let Some(cut) = uri::parse(text) else { return };
    assert!(!cut.host.is_empty());
    let _ = cut.loose();
    let kept = uri::without_method_and_headers(text, &cut).collect::<Vec<_>>().concat();
    let again = uri::parse(&kept).expect("a Request-URI is a URI");
    assert!(again.headers().is_none() && !again.has(b"method"));
    assert_eq!((again.user, again.host, again.port, again.secure), (cut.user, cut.host, cut.port, cut.secure));
}

/// What is captured is what the headers say, and can stand on a line.
fn values(message: Message<'_>, captured: &capture::Captured<'_>) {
    for header in message.headers() {
        match header.name {
            Name::CallId => assert_eq!(captured.call_id, unfold(header.value)),
            Name::From => assert_eq!(captured.from, unfold(header.value)),
            Name::To => assert_eq!(captured.to, unfold(header.value)),
            Name::Contact => assert!(captured.contact.is_some()),
            _ => {}
        }
    }
    let contact = captured.contact.as_deref().unwrap_or_default();
    for text in [&captured.call_id, &captured.from, &captured.to, contact, captured.session_id, captured.method] {
        assert!(!text.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
    }
    for (tag, value) in [(captured.from_tag(), &captured.from), (captured.to_tag(), &captured.to)] {
        let found = name_addr::parse(value).and_then(|cut| name_addr::tag(value, &cut));
        assert_eq!(tag, found.map_or(&b""[..], |tag| &value[tag.start..tag.end]));
    }
}
