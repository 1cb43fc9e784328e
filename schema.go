package locket

// A Kind is the type of a property's values.
type Kind string

// The kinds, with their JSON form at the borders.
const (
	Text      Kind = "text"      // string
	Integer   Kind = "integer"   // whole number of 64 bits
	Real      Kind = "real"      // finite number
	Boolean   Kind = "boolean"   // true or false
	Time      Kind = "time"      // RFC 3339 with zone; kept to the microsecond, given back in UTC
	Reference Kind = "reference" // the id of an item in the same pod
	Blob      Kind = "blob"      // the id of a blob in the same pod
)

// A Role says which part of the search index a text property feeds.
type Role string

// The roles. Titles weigh more than bodies; sender and recipient answer from:
// and to:, folder answers in:.
const (
	RoleTitle     Role = "title"
	RoleBody      Role = "body"
	RoleSender    Role = "sender"
	RoleRecipient Role = "recipient"
	RoleFolder    Role = "folder"
)

// A Property declares one property of a type.
type Property struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	Many bool   `json:"many,omitempty"` // a list of values
	Role Role   `json:"role,omitempty"` // text only; empty: not searched
	// Indexed makes queries by this property fast, at some cost for every write.
	// Not for lists.
	Indexed bool `json:"indexed,omitempty"`
}

// A Type declares a type of item. Properties that are not declared are refused.
type Type struct {
	Name string `json:"name"`
	// TimeProperty is the property that is the item's own time: it orders "time"
	// and answers before: and after:. Empty: the creation of the item counts.
	TimeProperty string     `json:"timeProperty,omitempty"`
	Properties   []Property `json:"properties"`
}

// Property returns the declaration of a property.
func (t *Type) Property(name string) (Property, bool) {
	for _, p := range t.Properties {
		if p.Name == name {
			return p, true
		}
	}
	return Property{}, false
}

func text(name string, role Role) Property {
	return Property{Name: name, Kind: Text, Role: role}
}

func texts(name string, role Role) Property {
	return Property{Name: name, Kind: Text, Many: true, Role: role}
}

func of(name string, k Kind) Property { return Property{Name: name, Kind: k} }

// common are the properties that every type has: where the item came from, how
// it is filed, and the file that holds its content or raw form.
func common(ps ...Property) []Property {
	return append(ps,
		texts("keywords", RoleBody),
		text("folder", RoleFolder),
		text("url", RoleBody),
		of("blob", Blob),           // BlobID of the content
		text("blobName", ""),       // its file name
		of("rawBlob", Blob),        // BlobID of the source record, byte for byte
		text("encodingFormat", ""), // media type of the content
		of("contentSize", Integer),
		text("sha256", ""),
		text("identifier", ""), // the source's own id: Message-ID, UID
	)
}

// BuiltinTypes returns the types every pod has. Names are schema.org's where it
// has them.
func BuiltinTypes() []Type {
	return []Type{
		{Name: "Note", TimeProperty: "dateModified", Properties: common(
			text("name", RoleTitle), text("text", RoleBody), texts("alternateName", RoleTitle),
			of("dateCreated", Time), of("dateModified", Time), text("frontMatter", ""))},
		{Name: "Message", TimeProperty: "dateSent", Properties: common(
			text("name", RoleTitle), text("text", RoleBody), text("sender", RoleSender),
			texts("toRecipient", RoleRecipient), texts("ccRecipient", RoleRecipient), texts("bccRecipient", RoleRecipient),
			text("replyTo", RoleSender), text("inReplyTo", ""), texts("references", ""),
			of("dateSent", Time), of("dateReceived", Time), of("defects", Integer))},
		{Name: "Person", Properties: common(
			Property{Name: "name", Kind: Text, Role: RoleTitle, Indexed: true}, text("givenName", RoleTitle), text("familyName", RoleTitle), texts("alternateName", RoleTitle),
			texts("email", RoleBody), texts("telephone", RoleBody), texts("address", RoleBody), text("worksFor", RoleBody),
			text("jobTitle", RoleBody), text("birthDate", ""), text("description", RoleBody), texts("sameAs", RoleBody))},
		{Name: "Event", TimeProperty: "startDate", Properties: common(
			text("name", RoleTitle), text("description", RoleBody), text("location", RoleBody),
			of("startDate", Time), of("endDate", Time), of("allDay", Boolean), text("timeZone", ""), text("duration", ""),
			text("recurrence", ""), text("recurrenceId", ""), text("eventStatus", ""), text("organizer", RoleSender), texts("attendee", RoleRecipient))},
		{Name: "Photo", TimeProperty: "dateCreated", Properties: common(
			text("name", RoleTitle), text("description", RoleBody), of("dateCreated", Time),
			of("width", Integer), of("height", Integer), of("latitude", Real), of("longitude", Real), text("camera", RoleBody))},
		{Name: "File", TimeProperty: "dateModified", Properties: common(
			text("name", RoleTitle), text("text", RoleBody), of("dateModified", Time), text("path", RoleFolder))},
		{Name: "Bookmark", TimeProperty: "dateCreated", Properties: common(
			text("name", RoleTitle), text("description", RoleBody), of("dateCreated", Time))},
		{Name: "Place", Properties: common(
			text("name", RoleTitle), text("description", RoleBody), text("address", RoleBody),
			of("latitude", Real), of("longitude", Real))},
		{Name: "Conversation", TimeProperty: "dateModified", Properties: common(
			text("name", RoleTitle), text("description", RoleBody), of("dateCreated", Time), of("dateModified", Time),
			texts("participant", RoleRecipient))},
		{Name: "Memory", TimeProperty: "dateCreated", Properties: common(
			text("name", RoleTitle), text("text", RoleBody), text("kind", ""),
			Property{Name: "namespace", Kind: Text, Role: RoleFolder, Indexed: true},
			of("dateCreated", Time), of("importance", Real), of("confidence", Real),
			text("sender", RoleSender),                          // who said it
			Property{Name: "thread", Kind: Text, Indexed: true}, // the conversation or session it is part of
			of("position", Integer),                             // its place there
			text("source", ""),                                  // what it was taken from, in words or as a URL
			text("tier", ""),                                    // working, session or long
			texts("relations", ""),                              // of an entity: names of its links that edges cannot have
			of("validFrom", Time), of("validThrough", Time), of("expires", Time),
			text("forgotten", ""))}, // why it was deleted
	}
}
