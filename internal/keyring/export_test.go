package keyring

// ParseHeader and EncodeHeader spare tests the file system.
var (
	ParseHeader  = parse
	EncodeHeader = (*Header).encode
)
