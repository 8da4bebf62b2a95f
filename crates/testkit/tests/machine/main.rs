//! What a machine is left with, tried on machines that vanish after the test.

mod disk;
mod killall;
