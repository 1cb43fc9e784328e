package exporter

// mailFolders are the folders of mail with their names in the archive.
type mailFolders map[string]string

// mailFolder is where the messages of a folder lie.
func (r *run) mailFolder(folder string) string {
	if r.mail == nil {
		r.mail = make(mailFolders)
	}
	if r.mail[folder] == "" {
		name := folder
		if name == "" {
			name = "other"
		}
		r.mail[folder] = r.names.unique("mail", safe(name), "", "folder")
	}
	return r.mail[folder]
}
