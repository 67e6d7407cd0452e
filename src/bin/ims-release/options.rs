// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options, checked by the library's own rules before any file is read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use ims_release::dialog::Serves;
use ims_release::message::uri;
use ims_release::reason::Reason;
use ims_release::release::{Form, Request};
use ims_release::route::Own;
use ims_release::{Error, headers};

use crate::arguments::{self, Format, Plan};

/// What is wanted.
#[derive(Debug)]
pub struct Options {
    /// The input, in order.
    pub files: Vec<PathBuf>,
    /// The served user.
    pub serves: Serves,
    own: Vec<Vec<u8>>,
    own_exact: bool,
    cause: u16,
    text: Vec<u8>,
    q850: Option<u8>,
    headers: Vec<Vec<u8>>,
    form: Form,
    /// The only Call-ID that is wanted.
    pub call_id: Option<Vec<u8>>,
    /// How to print.
    pub format: Format,
}

impl Options {
    /// Checks them. An error is one line and names the option.
    pub fn check(plan: &Plan) -> Result<Self, String> {
        let bytes = |text: &OsStr| text.as_bytes().to_vec();
        let cause = number(&plan.cause).ok_or(CAUSE)?;
        let options = Self {
            files: plan.files.clone(),
            serves: match plan.serves {
                arguments::Serves::Calling => Serves::Calling,
                arguments::Serves::Called => Serves::Called,
                arguments::Serves::Neither => Serves::Neither,
            },
            own: plan.own.iter().map(|own| bytes(own)).collect(),
            own_exact: plan.own_exact,
            cause,
            text: plan.text.as_deref().map(bytes).unwrap_or_default(),
            q850: match &plan.q850 {
                Some(text) => {
                    let cause = number(text).and_then(|cause| u8::try_from(cause).ok());
                    Some(cause.ok_or(Q850)?)
                }
                None => None,
            },
            headers: plan.header.iter().map(|header| bytes(header)).collect(),
            form: match plan.form {
                arguments::Form::Loop => Form::Loop,
                arguments::Form::Bare => Form::Bare,
            },
            call_id: plan.call_id.as_deref().map(bytes),
            format: plan.format,
        };
        for own in &options.own {
            Own::uri(own).map_err(|_| "--own: must be a SIP or SIPS URI")?;
        }
        Reason::sip(cause, b"").map_err(|_| CAUSE)?;
        Reason::sip(cause, &options.text).map_err(|error| format!("--text: {error}"))?;
        options.reason().map_err(|_| Q850)?;
        let headers = options.headers();
        let wrong = |error| format!("--header: {error}");
        headers.iter().try_for_each(|header| headers::check(header)).map_err(wrong)?;
        headers::check_distinct(&headers).map_err(wrong)?;
        Ok(options)
    }

    /// The own entries; empty where none was named.
    pub fn own(&self) -> Vec<Own<'_>> {
        let own = self.own.iter().filter_map(|own| Own::uri(own).ok());
        own.filter_map(|own| match own {
            Own::Uri(text) if !self.own_exact => {
                let uri = uri::parse(text)?;
                Some(Own::Host { host: uri.host, port: uri.port, cookie: b"" })
            }
            own => Some(own),
        })
        .collect()
    }

    fn reason(&self) -> Result<Reason<'_>, Error> {
        let reason = Reason::sip(self.cause, &self.text)?;
        match self.q850 {
            Some(cause) => reason.with_q850(cause, b""),
            None => Ok(reason),
        }
    }

    /// The further headers.
    pub fn headers(&self) -> Vec<&[u8]> {
        self.headers.iter().map(Vec::as_slice).collect()
    }

    /// What the BYEs shall be. `headers` are those of [`Options::headers`].
    pub fn request<'a>(&'a self, headers: &'a [&'a [u8]]) -> Result<Request<'a>, Error> {
        Ok(Request { reason: self.reason()?, headers, form: self.form, keep_gruu: false, via: None })
    }
}

const CAUSE: &str = "--cause: must be a SIP status code from 100 to 699";
const Q850: &str = "--q850: must be a cause from 0 to 127";

/// A decimal number of up to three digits as RFC 3326 writes one: no sign, no leading zero.
fn number(text: &OsStr) -> Option<u16> {
    let digits = text.to_str()?;
    let plain = digits == "0" || !digits.starts_with('0');
    (plain && digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}
