"""What several tests share: small runs, made-up evaluations, the app in a process of its own."""
