"""How each language writes dates and numbers; Django reads what is here before its own."""
