"""Events to intents: what happened, in exact money, with catalogue data that is right."""
