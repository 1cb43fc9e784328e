package policy

// For tests.
var (
	PolicyMembers = policyMembers
	RuleMembers   = ruleMembers
	LimitMembers  = limitMembers
	Coerce        = coerce
)

// MaxPermits is how many permits of a combination are kept for a type.
const MaxPermits = maxPermits
