//! Who is asking and may they: authentication and authorization, one decision per file.
