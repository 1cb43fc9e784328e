package oauth

import (
	"net/http"

	"github.com/locketpod/locket/internal/ops"
)

// resourceMetadata is the document of RFC 9728 §2.
type resourceMetadata struct {
	Resource      string   `json:"resource"`
	Servers       []string `json:"authorization_servers"`
	Scopes        []string `json:"scopes_supported"` // what a client asks for that is told nothing else
	BearerMethods []string `json:"bearer_methods_supported"`
	Name          string   `json:"resource_name"`
}

func (s *Server) resourceMetadata(issuer string) any {
	return resourceMetadata{resource(issuer), []string{issuer}, ops.UsualScopes(), []string{"header"}, "Locket"}
}

// serverMetadata is the document of RFC 8414 §2, with RFC 9207 §3 and the draft on client
// ID metadata documents.
type serverMetadata struct {
	Issuer            string   `json:"issuer"`
	Authorization     string   `json:"authorization_endpoint"`
	Token             string   `json:"token_endpoint"`
	Registration      string   `json:"registration_endpoint"`
	Revocation        string   `json:"revocation_endpoint"`
	Scopes            []string `json:"scopes_supported"`
	ResponseTypes     []string `json:"response_types_supported"`
	ResponseModes     []string `json:"response_modes_supported"`
	GrantTypes        []string `json:"grant_types_supported"`
	TokenMethods      []string `json:"token_endpoint_auth_methods_supported"`
	RevocationMethods []string `json:"revocation_endpoint_auth_methods_supported"`
	Challenges        []string `json:"code_challenge_methods_supported"`
	IssuerInAnswer    bool     `json:"authorization_response_iss_parameter_supported"`
	ClientDocuments   bool     `json:"client_id_metadata_document_supported"`
}

func (s *Server) serverMetadata(issuer string) any {
	var scopes []string
	for _, scope := range ops.Scopes() {
		scopes = append(scopes, scope.Name)
	}
	return serverMetadata{
		Issuer: issuer, Authorization: issuer + "/oauth/authorize", Token: issuer + "/oauth/token",
		Registration: issuer + "/oauth/register", Revocation: issuer + "/oauth/revoke", Scopes: scopes,
		ResponseTypes: []string{"code"}, ResponseModes: []string{"query"}, GrantTypes: []string{"authorization_code", "refresh_token"},
		TokenMethods: []string{"none"}, RevocationMethods: []string{"none"}, Challenges: []string{"S256"},
		IssuerInAnswer: true, ClientDocuments: s.Fetch != nil,
	}
}

// document serves metadata.
func (s *Server) document(of func(issuer string) any) func(http.ResponseWriter, *http.Request, func()) {
	return func(w http.ResponseWriter, r *http.Request, _ func()) {
		if preflight(w, r, http.MethodGet) {
			return
		}
		issuer, err := s.issuer(r)
		if err != nil {
			writeJSON(w, http.StatusNotFound, invalidRequest("this server does not know its own URL: it is to be started with --public-url"))
			return
		}
		writeJSON(w, http.StatusOK, of(issuer))
	}
}
