package store

// Reset forgets a Socket's position, so that a test may report it again.
func (tx *Tx) Reset(serial string) error {
	return tx.run("DELETE FROM sockets WHERE serial = $1", serial)
}
