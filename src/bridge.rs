//! The privileged helper process that joins the two interfaces and decides over the flows under test.
