package locket

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxSlug bounds the last part of an agent's namespace, in bytes.
const maxSlug = 60

// AgentNamespace is where an agent of this name keeps its memories: "agents/" and the
// name in lower case, where a run of what is no letter a to z and no digit is one
// dash. What would be empty or too long so ends with a part of the name's hash.
func AgentNamespace(name string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	slug := strings.TrimRight(b.String(), "-")
	if slug == "" || len(slug) > maxSlug {
		sum := sha256.Sum256([]byte(name))
		if slug == "" {
			slug = "agent"
		}
		slug = strings.TrimRight(slug[:min(len(slug), maxSlug-9)], "-") + "-" + hex.EncodeToString(sum[:4])
	}
	return "agents/" + slug
}

// Namespace is where the principal's own memories are.
func (p Principal) Namespace() string {
	if p.Kind == KindOwner {
		return "owner"
	}
	return AgentNamespace(p.Name)
}
