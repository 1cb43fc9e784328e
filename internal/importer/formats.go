package importer

// Formats returns the formats that the product reads. Where several are equally
// sure of a file, the earlier one reads it; the last takes every file.
func Formats() []Format {
	return []Format{
		locketFormat(),
		mboxFormat(),
		emlFormat(),
		vcardFormat(),
		icalFormat(),
		basicMemoryFormat(),
		markdownFormat(),
		mcpMemoryFormat(),
		mcpServiceFormat(),
		aiMemoryFormat(),
		mem0Format(),
		filesFormat(),
	}
}

// choose returns the format that is most sure of a file.
func choose(formats []Format, path string, head []byte) Format {
	best, sure := filesFormat(), 0
	for _, f := range formats {
		if n := f.Recognise(path, head); n > sure {
			best, sure = f, n
		}
	}
	return best
}
