//! The group of API registration.

pub mod api_service;
