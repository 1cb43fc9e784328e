package sqlcipher

// SealWithIV seals under a given IV, to compare with vectors.
func (c *Codec) SealWithIV(dst, src []byte, no uint32, iv []byte) {
	c.ivLeft = ivSize
	copy(c.ivs[len(c.ivs)-ivSize:], iv)
	c.Seal(dst, src, no)
}

// WALChecksum is the checksum over headers and sealed pages of the WAL.
var WALChecksum = walChecksum

// OpenHandles counts the handles that no open has used up.
func OpenHandles() int {
	handles.mu.Lock()
	defer handles.mu.Unlock()
	return len(handles.open)
}

// KeyOf returns the bytes of the key that db holds.
func KeyOf(db *DB) []byte { return db.keys.key.Bytes() }
