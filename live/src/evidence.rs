// SPDX-License-Identifier: MIT OR Apache-2.0
//! The evidence about one call, and what follows from it: what is expected of a BYE is taken from what the users
//! themselves sent, never from what the library stored.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::call::Call;
use crate::host::{Host, Result};
use crate::message::{Message, uri_of};

/// Whom a BYE is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// The called user.
    Called,
    /// The calling user.
    Calling,
}

impl std::fmt::Display for Leg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Self::Called { "called" } else { "calling" })
    }
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
    values.iter().flat_map(|value| split(value, b',')).map(|part| part.trim().to_owned()).collect()
}

/// The tag of a From or To value.
pub fn tag(value: &str) -> Option<String> {
    split(value, b';').into_iter().skip(1).find_map(|part| {
        let (name, tag) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("tag").then(|| tag.trim().to_owned())
    })
}

/// Splits where the separator is neither in quotes nor in brackets.
fn split(value: &str, separator: u8) -> Vec<&str> {
    let (mut quoted, mut escaped, mut bracketed, mut start) = (false, false, false, 0);
    let mut found = Vec::new();
    for (index, byte) in value.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => bracketed = true,
            b'>' if !quoted => bracketed = false,
            _ if byte == separator && !quoted && !bracketed => {
                found.push(&value[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    found.push(&value[start..]);
    found
}

fn is_own(host: &dyn Host, entry: &str) -> bool {
    let uri = uri_of(entry);
    // There are many ways to write an IPv6 address.
    let place = uri.trim_start_matches("sip:").split(';').next().unwrap_or_default().parse::<SocketAddr>();
    let own = |address: SocketAddr| uri.contains(&address.to_string()) || place == Ok(address);
    own(host.address()) || own(host.address_towards_called())
}

/// The messages of one call.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// What the calling user sent.
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
        Self::by_call(call).remove(call_id).unwrap_or_default()
    }

    /// Takes all calls of two SIPp, by their Call-IDs.
    pub fn by_call(call: &Call) -> HashMap<String, Self> {
        let mut all: HashMap<String, Self> = HashMap::new();
        for one in call.calling.messages() {
            let evidence = all.entry(one.message.call_id()).or_default();
            if one.sent { &mut evidence.calling_sent } else { &mut evidence.calling_received }.push(one.message);
        }
        for one in call.called.messages() {
            let evidence = all.entry(one.message.call_id()).or_default();
            if one.sent { &mut evidence.called_sent } else { &mut evidence.called_received }.push(one.message);
        }
        all
    }

    /// What a user received.
    pub fn received(&self, leg: Leg) -> &[Message] {
        if leg == Leg::Called { &self.called_received } else { &self.calling_received }
    }

    /// What a user sent.
    pub fn sent(&self, leg: Leg) -> &[Message] {
        if leg == Leg::Called { &self.called_sent } else { &self.calling_sent }
    }

    /// The BYEs that a user received, retransmissions included.
    pub fn byes(&self, leg: Leg) -> Vec<&Message> {
        self.received(leg).iter().filter(|one| one.is("BYE")).collect()
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
        // A refused request refreshes no target.
        let accepted = |one: &Message| one.status().is_some_and(|code| code / 100 == 2);
        let counts = |one: &&Message| match one.status() {
            Some(_) => accepted(one),
            None => self.received(leg).iter().any(|reply| accepted(reply) && reply.cseq() == one.cseq()),
        };
        let contact = receiver
            .iter()
            .filter(|one| matches!(one.cseq().1.as_str(), "INVITE" | "UPDATE"))
            .filter(counts)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_split_outside_quotes_and_brackets() {
        let values = vec![r#"<sip:a;x=1,2>, "b,\"c" <sip:d>"#.to_owned(), "<sip:e>".to_owned()];
        assert_eq!(entries(&values), ["<sip:a;x=1,2>", r#""b,\"c" <sip:d>"#, "<sip:e>"]);
    }

    #[test]
    fn the_tag_is_found_in_every_form() {
        for value in [
            "<sip:a@b>;tag=1",
            "sip:a@b;tag=1",
            "<sip:a@b> ; p=2 ; TAG = 1;z",
            "<sip:a@b>;p=\"x>y\";tag=1",
            "\"> ;tag=9 \\\";tag=8\" <tel:+1;tag=7>;tag=1",
        ] {
            assert_eq!(tag(value).as_deref(), Some("1"), "{value}");
        }
        assert_eq!(tag("<sip:a@b;tag=2>"), None);
        assert_eq!(tag("\"> ;tag=9\" <tel:+1>"), None);
    }
}
