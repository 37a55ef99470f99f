//! KP1, the line protocol of key matrix boards.
