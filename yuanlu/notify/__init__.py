"""Who asked to know, and telling them: signed webhooks, e-mail, what Apprise reaches, SMS by a template."""
