// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host that the environment names: IMS_RELEASE_HOST=opensips with OPENSIPS_SRC, else Kamailio. So the suite is
//! written once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::dump::Packet;
use crate::host::{Fault, Host, Result};
use crate::kamailio::Kamailio;
use crate::opensips::Opensips;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The distribution's.
    Kamailio,
    /// That of a source tree.
    Opensips,
}

impl Kind {
    /// What the environment names.
    pub fn wanted() -> Result<Self> {
        match std::env::var("IMS_RELEASE_HOST").as_deref() {
            Err(_) | Ok("kamailio") => Ok(Self::Kamailio),
            Ok("opensips") => Ok(Self::Opensips),
            Ok(other) => Err(format!("IMS_RELEASE_HOST is {other:?}, expected kamailio or opensips")),
        }
    }
}

/// A host of either kind.
pub struct Proxy(Box<dyn Host>);

impl Proxy {
    /// Prepares one with the configuration of the live tests.
    pub fn for_tests(defines: &[&str]) -> Result<Self> {
        Ok(Self(match Kind::wanted()? {
            Kind::Kamailio => Box::new(Kamailio::for_tests(defines)?),
            Kind::Opensips => Box::new(Opensips::for_tests(defines)?),
        }))
    }

    /// Prepares an application server, which has nothing to do with ims_release.
    pub fn application_server() -> Result<Self> {
        Ok(Self(match Kind::wanted()? {
            Kind::Kamailio => Box::new(Kamailio::application_server()?),
            Kind::Opensips => Box::new(Opensips::application_server()?),
        }))
    }

    /// Prepares one with the configuration of the live tests and these parameters of the module.
    pub fn with_parameters(parameters: &[(&str, u32)]) -> Result<Self> {
        Ok(Self(match Kind::wanted()? {
            Kind::Kamailio => Box::new(Kamailio::with_parameters(parameters)?),
            Kind::Opensips => {
                let mut host = Opensips::for_tests(&[])?;
                host.change_parameters(parameters)?;
                Box::new(host)
            }
        }))
    }

    /// Prepares one with a configuration of its folder of examples/, captured.
    pub fn with_example(name: &str) -> Result<Self> {
        Ok(Self(match Kind::wanted()? {
            Kind::Kamailio => Box::new(Kamailio::with_example(name)?),
            Kind::Opensips => Box::new(Opensips::with_example(name)?),
        }))
    }
}

impl Host for Proxy {
    fn start(&mut self) -> Result<()> {
        self.0.start()
    }

    fn stop(&mut self) {
        self.0.stop();
    }

    fn kill(&mut self) {
        self.0.kill();
    }

    fn refused_start(&mut self) -> Result<String> {
        self.0.refused_start()
    }

    fn start_by(&mut self, launcher: Vec<String>) {
        self.0.start_by(launcher);
    }

    fn change_parameters(&mut self, parameters: &[(&str, u32)]) -> Result<()> {
        self.0.change_parameters(parameters)
    }

    fn store(&self) -> PathBuf {
        self.0.store()
    }

    fn use_store(&mut self, store: PathBuf) {
        self.0.use_store(store);
    }

    fn may_die(&mut self) {
        self.0.may_die();
    }

    fn address(&self) -> SocketAddr {
        self.0.address()
    }

    fn address_towards_called(&self) -> SocketAddr {
        self.0.address_towards_called()
    }

    fn directory(&self) -> &Path {
        self.0.directory()
    }

    fn program(&self) -> PathBuf {
        self.0.program()
    }

    fn version(&self) -> Result<String> {
        self.0.version()
    }

    fn worker(&self) -> Result<i32> {
        self.0.worker()
    }

    fn call(&self, method: &str, parameters: &[&str]) -> Result<std::result::Result<Value, Fault>> {
        self.0.call(method, parameters)
    }

    fn command(&self, words: &[&str]) -> Result<(bool, String)> {
        self.0.command(words)
    }

    fn statistic(&self, name: &str) -> Result<u64> {
        self.0.statistic(name)
    }

    fn log(&self) -> String {
        self.0.log()
    }

    fn captures(&self) -> PathBuf {
        self.0.captures()
    }

    fn wire(&self) -> Vec<Packet> {
        self.0.wire()
    }
}
