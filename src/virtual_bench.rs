//! A lab without hardware: namespaces, simulated phones and simulated registrars.
