// Package wal is the journal: the one place of a host where raft entries, terms and votes become durable.
package wal
